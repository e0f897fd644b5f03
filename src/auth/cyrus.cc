#include "auth/cyrus.h"

#include <dlfcn.h>
#include <sasl/saslplug.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <new>
#include <vector>

#include "auth/mechanisms.h"
#include "base/log.h"
#include "base/secret.h"

// What Cyrus would read from files and from the environment is decided here instead:
//   options         by getopt(), which answers every question, so that no configuration file is asked
//   configuration   not looked for, since no application name is given; refused by verify_file() if it were
//   plugins         only from the folder that belongs to the library, and only the files of kPlugins
//   server's name   given, so that no host name is asked for and nothing is resolved
namespace mctenant::auth::cyrus {
namespace {

constexpr char kService[] = "memcached";
constexpr char kServerName[] = "mctenant";
constexpr char kPlugin[] = "mctenant";  // the name of the two plugins that are part of this program
// With spaces between: all that are ever offered.
constexpr char kMechanisms[] = "PLAIN SCRAM-SHA-256 SCRAM-SHA-512 SCRAM-SHA-1";
constexpr std::string_view kPlugins[] = {"libplain.so", "libscram.so"};

// sasl_callback_t keeps all functions as one type, which says nothing of what they take.
template <class Function>
sasl_callback_t callback(unsigned long id, Function* function, void* context = nullptr) {
  return {id, reinterpret_cast<int (*)()>(reinterpret_cast<void (*)()>(function)), context};
}

int get_option(void*, const char*, const char* option, const char** result, unsigned* length) {
  static constexpr struct {
    std::string_view name;
    const char* value;
  } kOptions[] = {
      {"mech_list", kMechanisms},     {"auxprop_plugin", kPlugin}, {"pwcheck_method", "auxprop"},
      {"canon_user_plugin", kPlugin}, {"auto_transition", "no"},   {"log_level", "1"},
  };
  const char* value = nullptr;  // Cyrus's own default, and never a file's
  for (const auto& known : kOptions) {
    if (known.name == option) value = known.value;
  }
  *result = value;
  if (length != nullptr) *length = value != nullptr ? static_cast<unsigned>(std::strlen(value)) : 0;
  return SASL_OK;
}

// Refused sign-ins are Cyrus's SASL_LOG_FAIL: whoever wants them counted counts verdicts.
int log_message(void*, int level, const char* message) {
  if (level == SASL_LOG_ERR || level == SASL_LOG_WARN) base::log::debug("Cyrus SASL: {}", message);
  return SASL_OK;
}

// No user may act as another.
int check_authorization(sasl_conn_t*, void*, const char* requested, unsigned requested_length,
                        const char* identity, unsigned identity_length, const char*, unsigned, propctx*) {
  const bool same =
      std::string_view(requested, requested_length) == std::string_view(identity, identity_length);
  return same ? SASL_OK : SASL_BADAUTH;
}

int verify_file(void*, const char* file, sasl_verify_type_t type) {
  if (type != SASL_VRFY_PLUGIN) return SASL_CONTINUE;  // not to be used
  std::string_view name(file);
  name.remove_prefix(name.rfind('/') + 1);
  for (const std::string_view plugin : kPlugins) {
    if (name == plugin) return SASL_OK;
  }
  return SASL_CONTINUE;
}

// The folders in which the mechanisms may be, most likely first.
std::vector<std::filesystem::path> plugin_folders() {
#ifdef MCTENANT_SASL_PLUGINS
  return {MCTENANT_SASL_PLUGINS};
#else
  std::vector<std::filesystem::path> folders;
  // Distributions install them beside the library: /usr/lib/<architecture>/libsasl2.so.2 and …/sasl2.
  // RTLD_NEXT, since in a program that is not position-independent the name itself means a place in the
  // program.
  Dl_info library;
  const void* const function = dlsym(RTLD_NEXT, "sasl_server_init");
  if (function != nullptr && dladdr(function, &library) != 0 && library.dli_fname != nullptr) {
    std::error_code error;
    const auto file = std::filesystem::canonical(library.dli_fname, error);
    if (!error) folders.push_back(file.parent_path() / "sasl2");
  }
  folders.emplace_back("/usr/lib/sasl2");
  folders.emplace_back("/usr/lib64/sasl2");
  folders.emplace_back("/usr/local/lib/sasl2");
  return folders;
#endif
}

std::string& plugin_folder() {
  static std::string folder;
  return folder;
}

base::Expected<void> find_plugins() {
  std::string tried;
  for (const auto& folder : plugin_folders()) {
    const bool complete =
        std::all_of(std::begin(kPlugins), std::end(kPlugins), [&folder](std::string_view plugin) {
          std::error_code error;
          return std::filesystem::exists(folder / plugin, error);
        });
    if (complete) {
      plugin_folder() = folder.string();
      return {};
    }
    tried += (tried.empty() ? "" : ", ") + folder.string();
  }
  return base::fail("Cyrus SASL's PLAIN and SCRAM mechanisms (libplain.so, libscram.so) are in none of " +
                    tried + ": install libsasl2-modules");
}

int get_plugin_path(void*, const char** path) {
  *path = plugin_folder().c_str();
  return SASL_OK;
}

// Never asked as long as no application name is given. What it hands out would be freed by Cyrus.
int get_configuration_path(void*, char** path) {
  *path = strdup("/nonexistent");
  return *path != nullptr ? SASL_OK : SASL_NOMEM;
}

// Where mechanisms look up what is kept of a user: SCRAM asks for authPassword, and gets the written verifier
// that the judge has for him, made up if need be. There is no userPassword: a clear one would have to be
// stretched here, on the worker. The judge is the context of the exchange's callback for passwords.
int look_up_properties(void*, sasl_server_params_t* parameters, unsigned flags, const char* name,
                       unsigned length) {
  static constexpr std::string_view kWanted = "*authPassword";  // the star: of who signs in alone
  if ((flags & SASL_AUXPROP_AUTHZID) != 0) return SASL_OK;
  const sasl_utils_t& utils = *parameters->utils;
  for (const propval* wanted = utils.prop_get(parameters->propctx);
       wanted != nullptr && wanted->name != nullptr; ++wanted) {
    if (wanted->name != kWanted || wanted->values != nullptr) continue;
    sasl_callback_ft function = nullptr;
    void* judge = nullptr;
    if (utils.getcallback(utils.conn, SASL_CB_SERVER_USERDB_CHECKPASS, &function, &judge) != SASL_OK)
      return SASL_FAIL;
    std::string verifier = static_cast<Judge*>(judge)->verifier_of({name, length});
    const int set = verifier.empty() ? SASL_OK
                                     : utils.prop_set(parameters->propctx, wanted->name, verifier.data(),
                                                      static_cast<int>(verifier.size()));
    base::wipe(verifier);
    return set;
  }
  return SASL_OK;
}

int initialize_auxprop(const sasl_utils_t*, int max_version, int* out_version, sasl_auxprop_plug_t** plugin,
                       const char*) {
  static char name[sizeof(kPlugin)];
  std::copy(std::begin(kPlugin), std::end(kPlugin), name);
  static sasl_auxprop_plug_t auxprop{.features = 0,
                                     .spare_int1 = 0,
                                     .glob_context = nullptr,
                                     .auxprop_free = nullptr,
                                     .auxprop_lookup = &look_up_properties,
                                     .name = name,
                                     .auxprop_store = nullptr};
  if (max_version < SASL_AUXPROP_PLUG_VERSION) return SASL_BADVERS;
  *out_version = SASL_AUXPROP_PLUG_VERSION;
  *plugin = &auxprop;
  return SASL_OK;
}

// A name stays as the client wrote it. (Cyrus's own plugin strips white space, and never gives back the
// memory it takes for a name that is too long, so that anybody could make it grow.) `in` and `out` may be the
// same.
int keep_name(void*, sasl_server_params_t*, const char* in, unsigned length, unsigned, char* out,
              unsigned room, unsigned* out_length) {
  if (length == 0 || length >= room) return SASL_BADPROT;
  std::memmove(out, in, length);
  out[length] = '\0';
  *out_length = length;
  return SASL_OK;
}

int initialize_canon_user(const sasl_utils_t*, int max_version, int* out_version,
                          sasl_canonuser_plug_t** plugin, const char*) {
  static char name[sizeof(kPlugin)];
  std::copy(std::begin(kPlugin), std::end(kPlugin), name);
  static sasl_canonuser_plug_t canon_user{};
  canon_user.name = name;
  canon_user.canon_user_server = &keep_name;
  if (max_version < SASL_CANONUSER_PLUG_VERSION) return SASL_BADVERS;
  *out_version = SASL_CANONUSER_PLUG_VERSION;
  *plugin = &canon_user;
  return SASL_OK;
}

void* make_mutex() { return new (std::nothrow) std::mutex; }
int lock_mutex(void* mutex) {
  static_cast<std::mutex*>(mutex)->lock();
  return SASL_OK;
}
int unlock_mutex(void* mutex) {
  static_cast<std::mutex*>(mutex)->unlock();
  return SASL_OK;
}
void free_mutex(void* mutex) { delete static_cast<std::mutex*>(mutex); }

// The first of ours that Cyrus has not loaded, or empty.
std::string_view missing_mechanism() {
  for (const std::string_view wanted : kMechanismNames) {
    bool loaded = false;
    const char** names = sasl_global_listmech();
    for (; names != nullptr && *names != nullptr; ++names) loaded = loaded || *names == wanted;
    if (!loaded) return wanted;
  }
  return {};
}

base::Expected<void> load() {
  if (auto found = find_plugins(); !found) return found;
  static const sasl_callback_t kCallbacks[] = {
      callback(SASL_CB_GETOPT, &get_option),       callback(SASL_CB_LOG, &log_message),
      callback(SASL_CB_GETPATH, &get_plugin_path), callback(SASL_CB_GETCONFPATH, &get_configuration_path),
      callback(SASL_CB_VERIFYFILE, &verify_file),  callback(SASL_CB_PROXY_POLICY, &check_authorization),
      {SASL_CB_LIST_END, nullptr, nullptr},
  };
  sasl_set_mutex(&make_mutex, &lock_mutex, &unlock_mutex, &free_mutex);
  int result = sasl_server_init(kCallbacks, nullptr);
  if (result == SASL_OK) result = sasl_auxprop_add_plugin(kPlugin, &initialize_auxprop);
  if (result == SASL_OK) result = sasl_canonuser_add_plugin(kPlugin, &initialize_canon_user);
  if (result != SASL_OK) {
    return base::fail(std::string("Cyrus SASL can't be started: ") +
                      sasl_errstring(result, nullptr, nullptr));
  }
  if (const std::string_view missing = missing_mechanism(); !missing.empty()) {
    return base::fail("Cyrus SASL did not load its mechanism " + std::string(missing) + " from " +
                      plugin_folder() + ": reinstall libsasl2-modules");
  }
  return {};
}

// Called by Cyrus with a password in the clear.
int judge_password(sasl_conn_t*, void* context, const char* username, const char* password, unsigned length,
                   propctx*) {
  if (username == nullptr || password == nullptr) return SASL_BADPARAM;
  return static_cast<Judge*>(context)->judge(username, {password, length}) ? SASL_OK : SASL_BADAUTH;
}

}  // namespace

base::Expected<void> initialize() {
  static const base::Expected<void> result = load();
  return result;
}

Exchange::Exchange(Judge& judge)
    : callbacks_{callback(SASL_CB_SERVER_USERDB_CHECKPASS, &judge_password, &judge),
                 {SASL_CB_LIST_END, nullptr, nullptr}} {
  sasl_conn_t* connection = nullptr;
  if (sasl_server_new(kService, kServerName, nullptr, nullptr, nullptr, callbacks_.data(), 0, &connection) !=
      SASL_OK) {
    return;  // out of memory, or not initialized: every message is refused
  }
  connection_.reset(connection);
  // No encryption by SASL, and nobody without a name.
  sasl_security_properties_t properties{};
  properties.security_flags = SASL_SEC_NOANONYMOUS;
  if (sasl_setprop(connection, SASL_SEC_PROPS, &properties) != SASL_OK) connection_.reset();
}

Outcome Exchange::start(const std::string& mechanism, std::string_view initial_response) {
  if (!connection_) return Outcome::refused;
  const char* out = nullptr;
  unsigned length = 0;
  const int result = sasl_server_start(connection_.get(), mechanism.c_str(),
                                       initial_response.empty() ? nullptr : initial_response.data(),
                                       static_cast<unsigned>(initial_response.size()), &out, &length);
  return settle(result, out, length);
}

Outcome Exchange::step(std::string_view response) {
  if (!connection_) return Outcome::refused;
  const char* out = nullptr;
  unsigned length = 0;
  const int result = sasl_server_step(connection_.get(), response.empty() ? "" : response.data(),
                                      static_cast<unsigned>(response.size()), &out, &length);
  return settle(result, out, length);
}

Outcome Exchange::settle(int result, const char* out, unsigned length) {
  if (result == SASL_OK) return username().empty() ? Outcome::refused : Outcome::accepted;
  if (result != SASL_CONTINUE) return Outcome::refused;
  challenge_ = out != nullptr ? std::string_view(out, length) : std::string_view();
  return Outcome::challenge;
}

std::string Exchange::username() const {
  const void* name = nullptr;
  if (sasl_getprop(connection_.get(), SASL_USERNAME, &name) != SASL_OK || name == nullptr) return {};
  return static_cast<const char*>(name);
}

}  // namespace mctenant::auth::cyrus
