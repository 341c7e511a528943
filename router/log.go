package router

import (
	"log/slog"

	"vrfwd/config"
)

// setLevel sets the log's level to the configuration's; level nil: it stays.
func setLevel(level *slog.LevelVar, c *config.Config) {
	if level == nil {
		return
	}
	level.Set(map[string]slog.Level{"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn,
		"error": slog.LevelError}[c.Log.Level])
}
