"""The reward model: from pairs that people preferred to a number for a reply, and how sure it is.

One head per rule and one overall head stand on a shared body, which is either frozen features of
the text or a language model that is trained with them. An ensemble says where it does not know.

    pairs         rows as pairs, each for one head     recipe       the YAML file
    features      what a body of features sees         network      heads, bodies, the loss
    fit           one member's training                run          recipe to folder
    calibration   temperature, ECE, reliability        ensemble     several members, one number
    model         scores, and a Reward of them         saved        safetensors and JSON
"""
