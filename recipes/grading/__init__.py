"""The recipe of the refusal grader's weights."""
