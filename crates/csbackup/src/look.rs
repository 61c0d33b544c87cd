//! Opens the database of a set or a folder to look inside.
