//! The roles that a caller may hold (P5): who they are, not what they may. What they may is said by
//! each service's permissions.

/// Makes estimates, opens cases, collects what an offer needs.
pub const ENGAGEMENT_MANAGER: &str = "engagement-manager";
/// Approves for the leadership.
pub const LEADERSHIP: &str = "leadership";
/// Approves prices and payment plans.
pub const REVENUE: &str = "revenue";
/// Approves last: its approval is the stamp (A5).
pub const LEGAL: &str = "legal";
/// Keeps the deals and the CRM in step.
pub const DEAL_DESK: &str = "deal-desk";
/// Makes and releases offers on AWS Marketplace.
pub const ALLIANCES: &str = "alliances";
/// Follows the money; keeps prices and fees.
pub const FINANCE: &str = "finance";
/// Hands on what e-signature providers tell, and files the signed copies. No person, no deals (A6).
pub const SIGNATURE_GATEWAY: &str = "signature-gateway";
/// Keeps the services running: parked events, replays, deliveries. No deals.
pub const OPERATOR: &str = "operator";
/// Reads everything, changes nothing.
pub const AUDITOR: &str = "auditor";

/// Every role that there is.
pub const ALL: [&str; 10] = [
    ENGAGEMENT_MANAGER,
    LEADERSHIP,
    REVENUE,
    LEGAL,
    DEAL_DESK,
    ALLIANCES,
    FINANCE,
    SIGNATURE_GATEWAY,
    OPERATOR,
    AUDITOR,
];
