//! The datapath as one function from frame to frame: on the host, where every case of the table is one
//! value, and in the kernel under BPF_PROG_TEST_RUN, which must give the same octets.
//!
//! Objects become records, entries and maps by the agent's own code ([`cluster`]). What must be answered
//! is worked out a second time, from the records alone ([`expectation`]), and every reply is taken apart
//! by code that shares nothing with the datapath ([`judge`]).

mod admission;
mod breaker;
mod budgets;
mod cases;
mod changes;
mod checksums;
mod clients;
mod cluster;
mod crafted;
mod expectation;
mod failures;
mod frames;
mod generated;
mod host;
mod interleaved;
mod judge;
mod kernel;
mod nodes;
mod properties;
mod recorded;
mod repeats;
mod replies;
mod round_trip;
mod steady;
mod targets;
mod test_run;
