"""Merging done well, so that the costs measured are those of a good implementation: every method in one pass over memory, and whole
models merged from shards to shards in bounded memory.

`recipe` says what is merged and how, `combining` turns a recipe and a tensor's models into one fused pass, each method's arithmetic has a
file, and `streaming` runs the same over safetensors folders.
"""
