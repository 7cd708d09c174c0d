"""Alerts: rules that staff set, judged every ten seconds by pure functions, and the incidents that come of them and of notices."""
