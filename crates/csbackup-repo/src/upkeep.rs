//! What keeps a repository in order: forgetting, pruning, checking, repairing.
