# ruff: noqa: RUF001 - names in scripts whose letters look like Latin ones are the point here
"""Words to invent artists and songs from, by region and in several scripts.

The lists are Soundlake's own; any likeness of a combination to a real artist is chance.
"""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Words:
    """Material of one region: given names, second names, words for titles, and their joint."""

    given: tuple[str, ...]
    second: tuple[str, ...]
    words: tuple[str, ...]
    joint: str = " "

    def artist(self, rng: random.Random) -> str:
        """An invented artist's name."""
        one, two = rng.choice(self.given), rng.choice(self.second)
        pattern = rng.random()
        if pattern < 0.62:
            return f"{one}{self.joint}{two}"
        if pattern < 0.74:
            return f"{one} & {rng.choice(self.given)}"
        if pattern < 0.88:
            return f"{rng.choice(self.words)}{self.joint}{two}"
        return f"DJ {one} {rng.choice(self.second)}"

    def title(self, rng: random.Random) -> str:
        """An invented song's name."""
        one, two = rng.choice(self.words), rng.choice(self.words)
        pattern = rng.random()
        if pattern < 0.22 or one == two:
            return one
        if pattern < 0.86:
            return f"{one}{self.joint}{two}"
        return f"{one}{self.joint}{two}{self.joint}{rng.choice(self.words)}"


def _words(given: str, second: str, words: str, joint: str = " ") -> Words:
    return Words(tuple(given.split()), tuple(second.split()), tuple(words.split()), joint)


WORDS: dict[str, Words] = {
    "anglo": _words(
        "Marlow Tess Juno Wilder Odette Corbin Ivy Rafe Sable Quinn Delphine Hollis Wren Cass",
        "Ashdown Larkspur Vane Quarry Hollow Ferris Moss Tallow Bright Rook Harrow Lune Pike Sloe",
        "Paper Lantern Midnight Harbour Slow Thunder Velvet Static Orchard Neon Gravity Salt"
        " Runaway Window Copper Weather Telephone Ghosts Summer Elevator Honey Satellite",
    ),
    "nordic": _words(
        "Åsne Bjørk Eirik Saga Tyra Ylva Sjur Ingrid Aksel Runa Søren Väinö Liv Torvald",
        "Fjellby Strømvik Nordhav Lindås Ødegrav Björkholm Havström Sølvberg Myrdal Kaldsund"
        " Östervik Hjerte",
        "Nattog Vinter Fjorden Hjem Lys Regn Sommeren Ørnen Månen Skygge Stille Brev Øya Bølge"
        " Äntligen Kärlek Stjerne Drøm",
    ),
    "germanic": _words(
        "Jörg Anneke Leopold Wiebke Matteus Lotte Käthe Joris Fenna Ruprecht Maike Sönke",
        "Nebelhorn Silberfisch Grünwald Morgenrot Übersee Vandermeer Klinkert Asphalt Hafenkind"
        " Zwischenzeit",
        "Nachtbus Regen Kopfüber Sterne Blau Später Schwerelos Benzin Morgen Großstadt Frühling"
        " Wolken Fieber Zug Glück Stille",
    ),
    "franco": _words(
        "Élodie Bastien Maëlle Théo Solène Corentin Yannis Apolline Noé Margaux Ilyès Zélie",
        "Valmont Clairval Duciel Brumaire Lenoir-Vif Sansrive Rochelune Belair Tempête Marée",
        "Minuit Néon Soleil Orage Vertige Été Là-bas Métro Silence Fièvre Cœur Demain Ciel Bitume"
        " Lumière Vague",
    ),
    "luso": _words(
        "Thaíse João-Mar Dandara Caíque Iracema Raoni Luênia Nando Jussara Vavá Benedita Zeca",
        "do-Vale Maré Serrado Lua-Cheia Conceito Ventania Ipê Coração Beira-Rio Trovão",
        "Saudade Paixão Madrugada Balanço Janela Fogo Verão Ilusão Praia Ciúme Bandida Sertão"
        " Avião Beijo Solidão Pimenta",
    ),
    "latin": _words(
        "Ximena Rulo Yadira Chucho-Luz Maitén Ñico Aracely Davo Itzel Beto Luciana Omarión Zoé",
        "Candela Montelargo Rincón Sinfín Lagarto Nocturno Corrales Bravío Duende Niebla Quimera",
        "Fuego Mentira Corazón Lluvia Baile Sombra Veneno Luna Olvido Calle Mañana Peligro Beso"
        " Marea Culpa Ajena Otra Vez Despacio",
    ),
    "italic": _words(
        "Fiamma Nico Livia Sandro Ortensia Elio Brunella Tazio Mirea Gaspare",
        "Controvento Malaluna Ruggine Pioggia Ventisette Cobalto Fiordaliso Tramonto Spina",
        "Vertigine Notte Estate Fumo Mare Ancora Perché Lontano Cenere Bugie Cielo Domenica"
        " Semaforo Respiro",
    ),
    "central": _words(
        "Zdzisława Kuba Božena Řehoř Miłosz Věra Ágota Zsombor Ľubica Otakar Wisława Bogdan",
        "Mgła Żuraw Půlnoc Wicher Čtvrtek Szikra Kővári Havran Światłocień Dúha",
        "Noc Księżyc Hvězdy Łzy Město Ogień Vítr Szerelem Deszcz Žár Cień Éjjel Most Milczenie"
        " Zima Ulice",
    ),
    "east": _words(
        "Мирослава Ярко Дана Ілля Ruxandra Radu Асель Тимур Калина Бойко Зоряна Ilinca",
        "Світанок Вятър Ноктюрн Степова Furtună Туман Жұлдыз Калинов Mesteacăn Ехо",
        "Ніч Вогонь Дощ Небо Любов Море Зима Дорога Полет Noapte Dor Foc Сънища Вітер Тиша Ай",
    ),
    "baltic": _words(
        "Rasa Jurģis Ülle Kärt Vytenis Ilze Mindė Aivo Žemyna Dzintra",
        "Rūkas Pääsuke Vėjas Jūrmala-Nakts Öölaul Gintaro Šalna Tuul",
        "Naktis Lietus Suvi Jūra Öö Mėnuo Valgus Sapnis Tuli Vējš Rytas Päike Klusums",
    ),
    "hellenic": _words(
        "Μυρτώ Ορέστης Ηλέκτρα Στάθης Λυδία Φαίδρα Άρης Κλειώ",
        "Νυχτερινός Θαλασσινού Ανέμη Καλοκαίρη Σιωπηλός Αστέρης",
        "Νύχτα Φωτιά Θάλασσα Ψέμα Καρδιά Βροχή Φεγγάρι Καλοκαίρι Δρόμος Σιωπή Μαζί",
    ),
    "turkish": _words(
        "Işıl Çağan Defne Rüzgar Şule Ozan Nergis Kıvanç",
        "Gecekuşu Yağmurlu Karahisarlı Dolunay Sokak Güzbahçe",
        "Gece Yağmur Aşk Yalan Deniz Rüya Ateş Sessiz İstasyon Yarın Gölge Sensiz Bahar",
    ),
    "arab": _words(
        "Nawar ليان Samer-Z رُبى Hayat زياد Tamim شهد Ghaith",
        "الليل Sahara البحري Noor الصباح Qamar Rimal الغيم",
        "ليل قمر Habibi نار مطر شوق بحر Sahra نجوم غياب Hawa طريق وردة",
    ),
    "hebrew": _words(
        "נועם Tamar-Li איתי שירה עמית Ronn",
        "הלילה כוכבי Galil אורות ים-סוף",
        "לילה אור ים גשם חלום מדבר שקט אש דרך כוכב",
    ),
    "southasia": _words(
        "Tarini Ishaan-K मीरा Zubair Anvita राग Sohrab Jasleen Kabir-9 Noorie",
        "Barsaat Suryavanshi-X चाँद Mehtaab Deewani Saaz Khwab Toofan",
        "Raat Dil चाँदनी Sapna Ishq Baarish Dooriyan Saath सफ़र Aasman Khushboo Judaa Rang Pyaar",
    ),
    "seasia": _words(
        "Kirana Jepoy ฟ้า Thảo Aditra Lan-Anh ธารา Hiraya Melur Quốc-Việt Zul",
        "Senja Dagat ดาว Mưa Rembulan Bituin ลม Sương Layar Malam",
        "Hujan Pelangi ฝน Gabi Cinta ทะเล Đêm Rindu Alon Nhớ Langit ใจ Bulan Mùa Sayang",
    ),
    "japan": _words(
        "夏樹 透子 ハルカゼ 凪 Kitsune 小夜 ソラ 蓮太郎",
        "商店街 行進曲 ノイズ 観測所 水族館 クラブ 交差点",
        "夜 花火 雨 夏 透明 電車 さよなら 青 海 ひかり 月 記憶 コーヒー",
        "の",
    ),
    "korea": _words(
        "하린 도윤 LUMIA 서우 NOVEN 아라 시온 KYVE",
        "밤하늘 소행성 NINE 정거장 우주선 ECHO",
        "밤 별 봄 바다 그림자 비 Hello 여름 꿈 편지 Zero 기억 고양이",
    ),
    "sinic": _words(
        "雨晴 阿澈 林間 小滿 星野 語安",
        "樂隊 劇場 信號 島嶼 夜行 電台",
        "月光 海 夏天 雨 告別 城市 星 想念 沉默 車站 風 夢",
        "的",
    ),
    "africa": _words(
        "Temidayo Zinhle Kelechi Lwazi Adaeze Sbonga Folarin Naledi Chidera Thabo-K",
        "Sunbird Owambe Khumo Skyline Jozi-Lite Palmwine Baobab Eko-Blue Lagoon",
        "Ololufe Sunrise Thando Faaji Groove Umlilo Jeje Midnight Ubusuku Sweet Palava Malume",
    ),
}
