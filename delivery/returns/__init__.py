"""What comes back: bounces, feedback reports and auto-replies that reach return paths and feedback addresses, and what follows from them.

`mail` takes bytes apart, `reports`, `texts`, `replies` know the formats, `read` goes through them; `meaning` says why, in the platform's words;
`tokens` name the delivery; `effects` does in one transaction what follows; `writer` groups messages into such transactions; `listener`
is the door. Everything up to `tokens` is pure. Nothing here ever sends mail: a loop would need somebody who answers.
"""
