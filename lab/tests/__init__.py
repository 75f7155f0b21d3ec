"""Tests of what decides: verdicts, the rows as data, the scripted name server. They need no network and no rights."""
