package router

import (
	"log/slog"

	"vrfwd/vrftable"
)

// Options say how a Router is made. The zero value is that of `fwd run`.
type Options struct {
	Log    *slog.Logger   // nil: slog.Default()
	Level  *slog.LevelVar // the log's, which a reload may change; nil: it stays
	Driver Driver         // nil: System{}

	sessions func(*vrftable.Table, *slog.Logger) sessions // nil: newSessions; tests have others
}
