"""The quickstart: a server with a person, an API and a client, so that one sees a token being used."""
