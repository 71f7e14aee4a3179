"""The whole pipeline against a known truth: replicates of simulated worlds, and how well their truth is found again.

In: scenarios, a number of replicates, a protocol. Out: bias, standard errors, coverage and power, each with its Monte
Carlo error, as tables and figures. `replicate` makes one world's released estimates, `runner` all of them,
`performance` sums them up, `verdict` judges, `guide` and `figures` show.
"""
