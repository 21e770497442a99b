"""Constitutional AI: a model is taught by a remit's rules, with critics in the place of people.

Y. Bai et al., *Constitutional AI: Harmlessness from AI Feedback* (2022), both phases. First, a
sampled reply is criticised in the light of one drawn rule and revised, until it is clean; clean
replies are imitated. Then two samples are compared in the light of one drawn rule, asked in both
orders; consistent preferences are learnt from. Every round is kept, the failed ones too.

    speakers   who is asked: a local model, an address     critics    who judges and revises
    revising   phase one                                   comparing  phase two
    recipe     the YAML file                               run        recipe to folder
"""
