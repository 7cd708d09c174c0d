"""The health page: every zone, node and part of the platform with its last figures, judged by the limits of alert rules; its first line says what needs
a person.

`vitals` says what is shown, `reading` reads it in a few statements however many there are, `limits` (pure) says well, look or bad, `board` puts it together,
`sentence` (pure) says it in words.
"""
