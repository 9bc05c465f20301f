"""The HTTP side of the emulator: listening, requests, responses, scripted faults, rate limits."""
