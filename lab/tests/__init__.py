"""Tests of the pure code: verdicts, the rows as data, the scripted name server. They need no network and no privileges."""
