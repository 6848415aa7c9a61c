//! What the program in the test pods says and is told: the types of its input and output, which those who run it
//! read as well.

pub mod protocol;
