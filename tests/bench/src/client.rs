//! Clients that ask from inside a pod and take the time.

mod closed;
pub(crate) mod open;
mod reply;
mod window;

pub(crate) use self::{closed::ClosedLoop, reply::Reply, window::Window};
