"""The model card of the headline sentiment model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_NAMES: Final = {
    "tfns_train": "Twitter Financial News Sentiment",
    "fiqa_sa_dev": "FiQA-SA",
    "fpb_allagree_dev": "Financial PhraseBank, all agree",
    "fpb_below_full_agreement_dev": "Financial PhraseBank, below full agreement",
}
_HOW: Final = {
    "cross_validated": "cross-validation",
    "held_out": "held out, never seen",
    "never_trained_on": "whole set, never trained on",
}

_CARD: Final = """# {id}: headline sentiment

A multinomial logistic regression on hashed words, word pairs and triples, characters, groups of
financial words and compared figures ("to 5 from 3"). {slots:,} slots x 3 classes, float16. It reads
one headline and gives the probabilities of negative, neutral and positive; a temperature of
{temperature} before the softmax calibrates them on out-of-fold predictions.

## Use

Tier 3's local analyst and `hybrid-tui sentiment`. It knows no facts and no context: it reads tone.
It reads English headlines and short posts; it is not meant for articles, other languages or irony.

## Training data

| set | texts used | licence |
|---|---|---|
| Twitter Financial News Sentiment | {tfns:,} | MIT (its data card) |
| FiQA-SA | {fiqa:,} | none stated: only weights are shipped, no text |
| phrases written for this program | {phrases:,} | as this program |

Financial PhraseBank (CC BY-NC-SA 3.0) is evaluated on and never trained on. The settings (penalty,
class balance, weights of the sets), the word groups and the phrases were chosen with the
development halves of all four sets in sight, held-out parts included, so the figures may flatter
the model a little.

## The split

A text is held out when the first byte of the sha256 of its key is below {held}. The key is the
text's words after cleaning, with figures, links and tickers made alike, so reprints stay together
(`hybrid_tui.llm.training.split_key`). The folds of the cross-validation come from the second byte.

## Figures

| set | how | texts | accuracy | macro F1 | calibration error |
|---|---|---|---|---|---|
{rows}

For comparison, VADER's macro F1: 0.44 on Twitter Financial News Sentiment, 0.49 on Financial
PhraseBank (all agree).
Calibration holds for texts like the training data; elsewhere the error is larger, as the table
shows.

## Train it again

    python -m hybrid_tui.llm.training DATA_FOLDER OUT_FOLDER

DATA_FOLDER holds the four `NAME.csv.gz` with the columns `text` and `label`.
"""


def render_card(manifest: Mapping[str, Any], held_out_bytes: int) -> str:
    """Return the card of a manifest as Markdown."""
    rows = [
        f"| {_NAMES[name]} | {_HOW[how]} | {f['texts']:,} | {f['accuracy']:.3f} "
        f"| {f['macro_f1']:.3f} | {f['ece']:.3f} |"
        for how, sets in manifest["figures"].items()
        for name, f in sets.items()
    ]
    trained = manifest["trained_on"]
    return _CARD.format(
        id=manifest["id"],
        slots=manifest["features"]["slots"],
        temperature=manifest["temperature"],
        tfns=trained["tfns_train"]["texts"],
        fiqa=trained["fiqa_sa_dev"]["texts"],
        phrases=trained["phrasebook"]["texts"],
        held=held_out_bytes,
        rows="\n".join(rows),
    )
