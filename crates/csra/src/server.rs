//! The server's side: one activated object for one client.
//!
//! Sans-I/O: a listener hands [`Object::dispatch`] the stub of each request and sends back what it
//! returns. The backup methods go to `certadm::server::Session`, which keeps their order; what the CA
//! itself knows comes from [`Services`].

mod administration;
mod backup;
mod fault;
mod object;
mod services;
mod view;

pub use fault::Fault;
pub use object::Object;
pub use services::Services;
