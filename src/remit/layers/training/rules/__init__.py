"""Rule-based rewards: what a remit's rules say of a reply, as numbers a model is trained on.

T. Mu et al., *Rule Based Rewards for Language Model Safety* (2024): propositions about a reply
are weighed so that replies of a better class are worth more than those of a worse one.

    rewards         one reward a rule: how surely a reply keeps it
    propositions    what is read of a reply: breaks a rule, refers in its words, says nothing
    classes         which replies are better than which, from the rule itself
    weights         fitted so that the order of the classes holds
    weighed         helpfulness and weighed propositions, as one reward
"""
