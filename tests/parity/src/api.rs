//! A small Kubernetes API server that takes any object: list and watch as a real one does them, and no
//! validation, so that what no real server would take can be told to CoreDNS and to the agent alike.

mod parameters;
mod selection;
mod server;
mod store;
mod stream;
#[cfg(test)]
mod tests;

pub use self::{
    server::Server,
    store::{Key, Resource, Store, key_of},
};
