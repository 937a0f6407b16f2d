#include "runtime/control_group.h"

#include <string>

#include "kernels/cpu/threads.h"
#include "runtime/process_memory.h"
#include "tests/import/safetensors_bytes.h"
#include "tests/support/catch.h"

using namespace headroom;

namespace {

/// A machine's files below a folder.
class Machine {
public:
    explicit Machine(const std::string& name) : folder_(name) {}

    void file(const std::string& path, const std::string& text) const {
        std::filesystem::create_directories((folder_.root() / path).parent_path());
        folder_.write(path, text);
    }
    [[nodiscard]] ControlGroup read() const { return control_group(folder_.root()); }

private:
    TemporaryFolder folder_;
};

}  // namespace

TEST_CASE("AMachineWithoutContainersHasNoLimits") {
    CHECK_FALSE(Machine("bare").read().memory);
    const Machine machine("unlimited");
    machine.file("proc/self/cgroup", "0::/user.slice\n");
    machine.file("sys/fs/cgroup/user.slice/memory.max", "max\n");
    machine.file("sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    CHECK_FALSE(machine.read().memory);
    CHECK_FALSE(machine.read().processors);
    CHECK_FALSE(machine.read().threads());
}

TEST_CASE("TheLeastOfAGroupAndThoseAboveItCounts") {
    const Machine machine("second");
    machine.file("proc/self/cgroup", "0::/outer/inner\n");
    // The inner group may have more, but the outer one has less left of less.
    machine.file("sys/fs/cgroup/outer/inner/memory.max", "8000\n");
    machine.file("sys/fs/cgroup/outer/inner/memory.current", "1000\n");
    machine.file("sys/fs/cgroup/outer/memory.max", "6000\n");
    machine.file("sys/fs/cgroup/outer/memory.current", "5000\n");
    machine.file("sys/fs/cgroup/outer/memory.stat", "anon 3000\ninactive_file 1500\nslab 2\n");
    machine.file("sys/fs/cgroup/outer/inner/cpu.max", "250000 100000\n");
    machine.file("sys/fs/cgroup/outer/cpu.max", "400000 100000\n");
    const ControlGroup group = machine.read();
    REQUIRE(group.memory);
    CHECK(group.memory->limit == Bytes{6000});
    CHECK(group.memory->used == Bytes{3500});
    CHECK(group.processors == 2.5);
    CHECK(group.threads() == 2);
}

TEST_CASE("AContainerThatSeesItsGroupAsTheMountIsRead") {
    for (const std::string group : {"/", "/docker/1234", "/../1234"}) {
        INFO(group);
        const Machine machine("mount");
        machine.file("proc/self/cgroup", "0::" + group + "\n");
        machine.file("sys/fs/cgroup/memory.max", "4096\n");
        machine.file("sys/fs/cgroup/cpu.max", "50000 100000\n");
        REQUIRE(machine.read().memory);
        CHECK(machine.read().memory->limit == Bytes{4096});
        CHECK(machine.read().threads() == 1);
    }
}

TEST_CASE("TheFirstVersionOfControlGroupsIsReadToo") {
    const Machine machine("first");
    machine.file("proc/self/cgroup",
                 "5:cpuset:/\n4:memory:/job\n3:cpu,cpuacct:/job\n2:name=systemd:/\n0::/\n");
    machine.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    machine.file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000\n");
    machine.file("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "900000\n");
    machine.file("sys/fs/cgroup/memory/job/memory.stat",
                 "inactive_file 1\ntotal_inactive_file 400000\n");
    machine.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    machine.file("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    machine.file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
    machine.file("sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
    const ControlGroup group = machine.read();
    REQUIRE(group.memory);
    CHECK(group.memory->limit == Bytes{1000000});
    CHECK(group.memory->used == Bytes{500000});
    CHECK(group.threads() == 3);
}

TEST_CASE("ThisMachinesMemoryIsThatOfItsGroup") {
    const MachineMemory memory = machine_memory();
    CHECK(memory.total > Bytes{});
    CHECK(memory.available <= memory.total);
    if (const auto limit = control_group().memory) CHECK(memory.total <= limit->limit);
    CHECK(thread_count() >= 1);
}
