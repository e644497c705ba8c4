"""The flows: each a visible list of named steps over the records and the extension points. No feature is known here."""
