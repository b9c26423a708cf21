"""The charts of docs/performance.md."""

from xml.etree import ElementTree as ET

from bench.charts import LEFT, Bar, Chart, Group, alternative, draw

SVG = "{http://www.w3.org/2000/svg}"
CHART = Chart(
    "Speed",
    "messages a second; longer is better",
    [
        Group(
            "<a>",
            [Bar("ours", 0, 2_000, 1_500, 2_500), Bar("theirs", 2, 500, 500, 500)],
        ),
        Group("b", [Bar("ours", 0, 3.5, 3.5, 3.5)]),
    ],
)


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own


def test_a_bar_is_as_long_as_its_figure() -> None:
    bars = parsed(draw(CHART)).findall(f"{SVG}rect")
    assert 3 == len(bars)
    lengths = [float(bar.attrib["width"]) for bar in bars]
    assert 4 == round(lengths[0] / lengths[1], 2)
    assert 1 == lengths[2]  # too short to be seen otherwise
    assert ["c0", "c2", "c0"] == [bar.attrib["class"] for bar in bars]


def test_extremes_are_a_line_where_there_are_several_rounds() -> None:
    root = parsed(draw(CHART))
    (line,) = root.findall(f"{SVG}line[@class='range']")
    low, high = float(line.attrib["x1"]) - LEFT, float(line.attrib["x2"]) - LEFT
    assert 1_500 / 2_500 == round(low / high, 3)


def test_names_and_figures_stand_beside_the_bars() -> None:
    texts = [text.text for text in parsed(draw(CHART)).findall(f"{SVG}text")]
    assert ["Speed", CHART.note, "<a>", "ours", "2,000", "theirs", "500"] == texts[:7]
    assert ["b", "ours", "3.5"] == texts[7:]


def test_it_is_for_dark_and_light_and_for_who_does_not_see_it() -> None:
    drawn = draw(CHART)
    assert "@media (prefers-color-scheme: dark)" in drawn
    root = parsed(drawn)
    assert "img" == root.attrib["role"]
    assert alternative(CHART) == root.findtext(f"{SVG}desc")
    assert "<a>: ours 2,000, theirs 500. b: ours 3.5." in alternative(CHART)


def test_everything_is_within_the_picture() -> None:
    root = parsed(draw(CHART))
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    for bar in root.findall(f"{SVG}rect"):
        assert float(bar.attrib["x"]) + float(bar.attrib["width"]) < width
        assert float(bar.attrib["y"]) + float(bar.attrib["height"]) < height
