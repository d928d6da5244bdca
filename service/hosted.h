// The service that start_service() (common/service_entry.h) runs in this process, for whoever adds
// something to it; the shim knows nothing of it. Defined in service/entry.cc.
#pragma once

namespace ztshim {

class Service;

// Null when this process hosts none. Only members for "any thread" may be called. Gone after
// stop_service().
Service* hosted_service() noexcept;

}  // namespace ztshim
