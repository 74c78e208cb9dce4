"""The SQL subset that rules and indicators are written in: parse, check, scope, compile per engine, run, explain."""
