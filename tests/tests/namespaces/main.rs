//! The real agent on a node made of network namespaces, with CoreDNS as the DNS service behind it and
//! pods that ask by ordinary sockets, real resolvers and raw frames.
//!
//! Who answered a question is read from the reply: the kernel's records have the agent's lifetime of
//! 30 s, those of the DNS service 7 s (see [`site`]).

mod asker;
mod bad_start;
mod catalogue;
mod checksums;
mod clients;
mod detach;
mod egress;
mod external;
mod interfaces;
mod life;
mod links;
mod machine;
mod manifests;
mod nonsense;
mod panics;
mod plain;
mod resolvers;
mod site;
mod steady;
mod stress;
mod virtual_machine;
