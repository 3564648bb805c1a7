"""The replicated store: a log of proposals, the state that applying it gives, and the replica that keeps both.

`state`, `stamp`, `shelves`, `entries` and `image` are pure; `log` and its implementations hold the records;
`replica` ties a log, a state, its history and its watchers together.
"""
