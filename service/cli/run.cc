// ztshim run: a program's whole process tree on the network. Hosts the service (unless another
// process hosts this home already), starts the program with the library preloaded, and ends as it
// does.
//
// How it works. The program is a child in our process group. Its terminal signals reach it without
// our doing; signals sent to us are passed on. Orphans of the tree become our children, so that the
// network stays until the last of them has ended, also as PID 1 of a container. Only then does the
// service drain and stop.
#include <fcntl.h>
#include <fmt/core.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "common/config.h"
#include "common/internal_fds.h"
#include "common/rpc_capability.h"
#include "common/service_entry.h"
#include "service/cli/client.h"
#include "service/cli/command.h"
#include "service/cli/local_api.h"
#include "service/hosted.h"

namespace ztshim::cli {
namespace {

namespace fs = std::filesystem;

// As a shell reports them.
constexpr int kSignalBase = 128;
constexpr int kNotExecutable = 126;
constexpr int kNotFound = 127;
// Bytes written before the program's end still arrive; a peer that acknowledges nothing for this
// long is gone.
constexpr Duration kDrainPatience{30'000};

struct Options : HomeOptions {
  std::vector<std::string> networks;
  std::string listen, egress;
  bool ephemeral = false;
  std::vector<std::string> words;
};

// The library beside the program (build tree), else where an installation has it.
std::optional<std::string> find_library() {
  std::error_code error;
  const fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  if (error) return std::nullopt;
  for (const char* const place :
       {"libztshim.so", "../lib/libztshim.so", ZTSHIM_LIBDIR "/libztshim.so"}) {
    const fs::path candidate = (folder / place).lexically_normal();
    if (fs::exists(candidate, error)) return candidate.string();
  }
  return std::nullopt;
}

void set_unless_empty(const char* name, const std::string& value) {
  if (!value.empty()) setenv(name, value.c_str(), 1);
}

Result<void, std::string> preload(const std::string& library) {
  // The loader splits the list at both.
  if (library.find_first_of(": ") != std::string::npos) {
    return failure(fmt::format(
        "{}: a library whose path has a blank or a colon cannot be preloaded", library));
  }
  const char* const present = std::getenv("LD_PRELOAD");
  std::string list = library;
  if (present != nullptr && *present != '\0') list += std::string(":") + present;
  setenv("LD_PRELOAD", list.c_str(), 1);
  return {};
}

Result<void, std::string> set_environment(const Options& options) {
  set_unless_empty("ZTSHIM_HOME", options.home);
  set_unless_empty("ZTSHIM_LISTEN", options.listen);
  set_unless_empty("ZTSHIM_EGRESS", options.egress);
  std::string networks;
  for (const std::string& network : options.networks) {
    networks += (networks.empty() ? "" : ",") + network;
  }
  set_unless_empty("ZTSHIM_NETWORK", networks);
  return {};
}

// ---- the child

// The program finds the service wherever it goes: into another root, user or namespace.
void pass_on(const UniqueFd& capability) {
  if (!capability) return;
  fcntl(capability.get(), F_SETFD, 0);
  setenv(rpc::kCapabilityVariable, std::to_string(capability.get()).c_str(), 1);
}

[[noreturn]] void become(const std::vector<std::string>& words, const sigset_t& mask, int report,
                         const UniqueFd& capability) {
  forget_service_after_fork();
  pass_on(capability);
  signal(SIGPIPE, SIG_DFL);
  sigprocmask(SIG_SETMASK, &mask, nullptr);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  execvp(arguments[0], arguments.data());
  const int error = errno;
  [[maybe_unused]] const ssize_t told = write(report, &error, sizeof error);
  _exit(kNotFound);
}

// Out of the way of numbers that programs choose. Nothing where nobody hosts the home yet.
UniqueFd capability_of(const std::string& home) {
  auto client = Client::connect(home);
  if (!client || !*client) return {};
  auto given = (*client)->capability();
  return given ? UniqueFd(keep_internal_fd(given->release())) : UniqueFd();
}

// The other descriptors of this process are close-on-exec: what the program inherits is what we
// got.
Result<pid_t, int> start_program(const std::vector<std::string>& words, const sigset_t& mask,
                                 const UniqueFd& capability) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) return failure(errno);
  const pid_t child = fork();
  if (child == 0) become(words, mask, report[1], capability);
  const int fork_error = errno;
  close(report[1]);
  int error = 0;
  const ssize_t got = child > 0 ? read(report[0], &error, sizeof error) : 0;
  close(report[0]);
  if (child < 0) return failure(fork_error);
  if (got == sizeof error) {
    waitpid(child, nullptr, 0);
    return failure(error);
  }
  return child;
}

// ---- waiting

// Orphans of the tree are our children, too.
void pass_on_to_children(int signal_number) {
  const std::string path = fmt::format("/proc/self/task/{}/children", getpid());
  if (FILE* const list = std::fopen(path.c_str(), "re")) {
    int child = 0;
    while (std::fscanf(list, "%d", &child) == 1) kill(child, signal_number);
    std::fclose(list);
  }
}

struct Tree {
  pid_t program = 0;
  bool has_ended = false;  // the program; descendants may be left
  int status = 0;
};

// Ctrl-Z: the shell waits for us, so we stop with the program. A plain SIGSTOP is somebody's doing
// to the program alone, and the rest of the tree needs the network.
bool is_from_terminal(int stop_signal) {
  return stop_signal == SIGTSTP || stop_signal == SIGTTIN || stop_signal == SIGTTOU;
}

// Takes in whoever has ended; true when nobody is left.
bool reap(Tree& tree) {
  for (;;) {
    int status = 0;
    const pid_t child = waitpid(-1, &status, WNOHANG | WUNTRACED);
    if (child == 0) return false;
    if (child < 0) return errno == ECHILD;
    if (child != tree.program) continue;
    if (WIFSTOPPED(status)) {
      if (is_from_terminal(WSTOPSIG(status))) kill(getpid(), SIGSTOP);
      continue;
    }
    tree.has_ended = true;
    tree.status = status;
  }
}

int exit_code(int status) {
  return WIFSIGNALED(status) ? kSignalBase + WTERMSIG(status) : WEXITSTATUS(status);
}

int wait_for(pid_t program, const sigset_t& waited) {
  Tree tree{program};
  while (!reap(tree)) {
    siginfo_t signal{};
    if (sigwaitinfo(&waited, &signal) < 0 || signal.si_signo == SIGCHLD) continue;
    // From the terminal (the kernel): the whole group, and so the program, has got it already.
    if (signal.si_code == SI_KERNEL) continue;
    if (tree.has_ended) {
      pass_on_to_children(signal.si_signo);
    } else {
      kill(program, signal.si_signo);
    }
  }
  return exit_code(tree.status);
}

// ---- all together

int run_program(const Config& config, const std::vector<std::string>& words) {
  // All signals wait in the kernel until we ask for them; the service's thread inherits that.
  sigset_t waited, before;
  sigfillset(&waited);
  for (const int fault : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP, SIGTTIN, SIGTTOU}) {
    sigdelset(&waited, fault);
  }
  sigprocmask(SIG_BLOCK, &waited, &before);
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (config.is_wanted()) {
    const ServiceStart started = start_service(config);
    if (started.kind == ServiceStart::Kind::Failed) return fail(started.reason);
  }
  const auto program = start_program(words, before, capability_of(config.home));
  if (!program) {
    const int error = program.error();
    stop_service();
    return fail(fmt::format("{}: {}", words.front(), std::strerror(error)),
                error == ENOENT ? kNotFound : kNotExecutable);
  }
  // After the program's start, which inherits no descriptors of ours.
  auto api = hosted_service() == nullptr ? nullptr : LocalApi::start(*hosted_service());
  const int code = wait_for(*program, waited);
  api.reset();
  drain_service(kDrainPatience);
  stop_service();
  return code;
}

// A home for this run alone.
class EphemeralHome {
 public:
  Result<std::string, std::string> make() {
    const char* const runtime = std::getenv("XDG_RUNTIME_DIR");
    std::string name = std::string(runtime != nullptr && *runtime != '\0' ? runtime : "/tmp") +
                       "/ztshim-run-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) {
      return failure(fmt::format("cannot make a home for this run: {}", std::strerror(errno)));
    }
    return path_ = name;
  }
  ~EphemeralHome() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

 private:
  std::string path_;
};

int run(Options options) {
  const std::vector<std::string>& words = options.words;
  if (words.empty()) return fail("run: which program? `ztshim run -- CMD ARG...`", kWrongUsage);
  EphemeralHome ephemeral;
  if (options.ephemeral) {
    if (!options.home.empty())
      return fail("--home and --ephemeral exclude each other", kWrongUsage);
    const auto made = ephemeral.make();
    if (!made) return fail(made.error());
    options.home = *made;
  }
  if (const auto resolved = options.resolve(); !resolved)
    return fail(resolved.error(), kWrongUsage);
  const auto library = find_library();
  if (!library) {
    return fail("libztshim.so is neither beside this program nor installed: build or install it");
  }
  if (const auto set = set_environment(options); !set) return fail(set.error(), kWrongUsage);
  const auto config = Config::from_environment();
  if (!config) return fail(config.error(), kWrongUsage);
  if (const auto set = preload(*library); !set) return fail(set.error());
  return run_program(*config, words);
}

}  // namespace

void add_run(CLI::App& app, Action& chosen, std::vector<std::string> words) {
  auto* const command = app.add_subcommand(
      "run", "Run a program and all it starts on the network: run [OPTIONS] -- CMD ARG...");
  const auto options = std::make_shared<Options>();
  options->add_home(*command);
  command->add_option("-n,--network", options->networks, "Network to join (ZTSHIM_NETWORK)")
      ->type_name("ID")
      ->allow_extra_args(false);
  command
      ->add_option("--listen", options->listen, "Where wildcard listeners listen (ZTSHIM_LISTEN)")
      ->type_name("virtual|host|both");
  command->add_option("--egress", options->egress, "Where other destinations go (ZTSHIM_EGRESS)")
      ->type_name("split|virtual");
  command->add_flag("--ephemeral", options->ephemeral, "A new node for this run alone");
  command->prefix_command();
  command->callback([options, command, words = std::move(words), &chosen] {
    // Without "--" the command begins at the first word that is no option.
    options->words = command->remaining();
    const bool is_marker = options->words.empty() && !words.empty();
    options->words.insert(options->words.end(), words.begin() + (is_marker ? 1 : 0), words.end());
    chosen = [options] { return run(*options); };
  });
}

}  // namespace ztshim::cli
