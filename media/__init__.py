"""Sound, not meaning: the native RTP engine, prompts, recording and taps."""
