"""Captions as words: what pycocoevalcap made of the same sentences with Stanford's PTBTokenizer, kept as expected."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.data.tokens import tokenize

EXPECTED = {
    "A man (standing) in the [dark] room.": "a man -lrb- standing -rrb- in the -lsb- dark -rsb- room",
    "Don't can't won't cannot isn't it's I'm they've we'd he'll": (
        "do n't ca n't wo n't can not is n't it 's i 'm they 've we 'd he 'll"
    ),
    "The dogs' bowl and the dog's bone, James' hat.": "the dogs bowl and the dog 's bone james hat",
    "gonna gotta wanna gimme lemme 'tis 'twas y'all o'clock": (
        "gon na got ta wan na gim me lem me 't is 't was y' all o'clock"
    ),
    "black-and-white t-shirt, known -- a dash - here –en—em": "black-and-white t-shirt known a dash here en em",
    "and/or black/white 1/2 w/ a knife": "and/or black/white 1/2 w / a knife",
    "Salt & pepper, AT&T, &amp; &lt; R&B": "salt & pepper at&t & < r&b",
    "\"quoted\" 'single' “curly” ‘curly’ it’s the dogs’": "quoted single curly curly it 's the dogs",
    "$5 £5 €5 5¢ 50% #1 @home a@b.com http://www.example.com/x?y=1": (
        "$ 5 # 5 $ 5 5 cents 50 % # 1 @home a@b.com http://www.example.com/x?y=1"
    ),
    "Mr. Smith of St. Louis in the U.S. They ate. Mrs. Jones etc.": (
        "mr. smith of st. louis in the u.s. they ate mrs. jones etc."
    ),
    "wait... what.. ok....  Yes?!  no!!! a;b: c": "wait what ok yes ?! no !!! a b c",
    "1,000 people at 3:30 p.m. 3.5 miles 1990's '90s 1st 10am": (
        "1,000 people at 3:30 p.m. 3.5 miles 1990 's '90s 1st 10am"
    ),
    "A man .The cat sits.On the mat": "a man the cat sits.on the mat",
    "A group of sheep., and a dog.;": "a group of sheep. and a dog.",
    "½ cup, no.1, c++": "1/2 cup no. 1 c++",
    "A microwave reads 2:46. ": "a microwave reads 2:46",
    "A dog on stairs.] with a bow tie.\n": "a dog on stairs -rsb- with a bow tie",
    "Mass. in Mass. of mass.": "mass. in mass. of mass",
    "A café, a piñata": "a café a piñata",
    " ,.!": "",
}  # fmt: skip


@pytest.mark.parametrize("caption", EXPECTED)
def test_words_are_those_that_captions_are_scored_by(caption: str) -> None:
    assert tokenize(caption) == EXPECTED[caption].split()


@given(st.text())
def test_any_text_is_words_in_lower_case_without_spaces(text: str) -> None:
    for word in tokenize(text):
        assert word and word == word.lower() and not set(word) & set(" \t\n")


@pytest.mark.parametrize("part", ["a", "a.", "a-", "'", "+-", "<a", "a@", "1,", "a/", "n't", "."])
def test_a_text_without_end_is_read_in_one_go(part: str) -> None:
    assert all(word for word in tokenize(part * 50_000))  # backtracking would take hours
