mod arrays;
mod pickles;
mod primitives;
mod round_trips;
mod strings;
