package vrftable

import "log/slog"

// quiet keeps what is expected out of the tests' output.
var quiet = slog.New(slog.DiscardHandler)
