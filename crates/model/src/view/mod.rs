//! What pages show and what the API returns: whole answers, computed on the server.

mod after;
mod batch;
mod certificate;
mod list;
mod map;
mod placement;
mod proxies;
mod report;
mod session;
mod several;
mod sites;
mod start;
mod wizard;

pub use after::{AfterInput, AfterView, GateView, TimerInput};
pub use batch::{BatchAction, BatchView};
pub use certificate::{
    ActualView, CertificateShown, CertificateView, CertifiedDiskView, EVIDENCE_FORMAT,
    EvidenceView, PassView, PlanView, PlannedDisk,
};
pub use list::{ListQuery, PAGE_ROWS, PageInfo, Sort, SortColumn, StartQuery, TALL_PAGE_ROWS};
pub use map::{DiskMapView, MapCells, MapPicture, MapRow, MapStanding, MapWanted};
pub use placement::{
    DatastoreInput, DatastoreSpace, HostInput, PlaceChoice, PlaceFinding, PlaceOption,
    PlacedAdapter, PlacedFile, PlacedVm, PlacementView, RowsInput,
};
pub use proxies::{
    CarrierView, NewProxyInput, PickProxy, PickReach, PickSite, ProxiesView, ProxyAction,
    ProxyPickView, ProxyTaskView, ProxyView, WaitingView,
};
pub use report::{Band, Check, CheckSubject, DifferenceBasis, PlanEstimate, SessionPlan, Verdict};
pub use session::{
    ActionRequest, DiskView, EffectView, LogLine, ProgressView, SessionSummary, SessionView,
};
pub use several::{OwnInput, OwnRow, SeveralInput, SeveralView};
pub use sites::{
    ConnectedSite, NewSiteInput, PairDisk, PairInput, PairProposal, PairQuery, PairView,
    RegisteredPair, SitesView,
};
pub use start::{JobView, JobsView, LabView, ReplicaView, SiteView, StartView};
pub use wizard::{
    DestinationOption, DraftView, DryRunView, DryRunVm, FinishReply, ModeInput, PolicyOption,
    PolicyRow, QuickView, QuickVm, SummaryVm, TargetCandidate, TargetInput, TargetRow, WizardStep,
};
