"""Endpoints: the doors of the platform, knocked at several times a second from several places, and what these say together.

`probes` knock, `vantage` keeps knocking and writes down what it saw, `vote` (pure) makes one verdict of several vantage points, `verdicts` keeps it.
"""
