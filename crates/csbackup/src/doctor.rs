//! A CA's folder, live or broken: its state, what it needs, what to do next.
