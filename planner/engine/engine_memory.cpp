#include "planner/engine/engine_memory.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "planner/cost/pipeline.h"
#include "planner/engine/engine_states.h"

namespace headroom {
namespace {

/// Steps after which what the allocator holds no longer grows in the runs seen.
constexpr int kStepsUntilSteady = 3;
/// Micro-batches after which a steady pipeline repeats itself.
constexpr std::int64_t kExtraMicroBatches = 2;

std::int64_t micro_batches_in_flight(const PlanRequest& request, std::int64_t stage,
                                     double& chunks) {
    const auto& layout = request.layout;
    if (layout.pipeline == 1) return 1;
    const PipelineRun run = pipeline_run(layout, request.train.accumulation);
    chunks = static_cast<double>(chunks_in_flight(run, layout.pipeline, stage)) /
             static_cast<double>(run.chunks);
    return static_cast<std::int64_t>(std::ceil(chunks - 1e-9));
}

/// Replays micro-batches over the allocator as 1F1B orders them.
class Replayer {
public:
    Replayer(const StepProgram& program, const Engine& engine)
        : program_(program), allocator_(AllocatorRules{.growth = engine.segments}) {}

    void keep(Bytes size, std::int64_t pieces) {
        for (std::int64_t i = 0; i < pieces; ++i) {
            allocator_.allocate(Bytes{size.count() / pieces});
        }
    }

    /// Steps until steady. Moments are first allocated when the first step ends: they take what
    /// its activations left free, and the next steps find it in pieces.
    Bytes run(std::int64_t in_flight, std::int64_t micro_batches,
              const std::vector<Bytes>& moments) {
        for (int step = 0; step < kStepsUntilSteady; ++step) {
            if (step == 1) {
                for (const auto size : moments) allocator_.allocate(size);
            }
            std::int64_t next = 0;
            std::int64_t done = 0;
            while (next < std::min(in_flight, micro_batches)) forward(next++);
            while (done < micro_batches) {
                backward(done++);
                if (next < micro_batches) forward(next++);
            }
        }
        return allocator_.peak_reserved();
    }

private:
    void play(const std::vector<ProgramEvent>& events, std::int64_t batch) {
        auto& handles = handles_[static_cast<std::size_t>(batch) % handles_.size()];
        handles.resize(program_.buffers.size());
        for (const auto& event : events) {
            if (event.kind == EventKind::allocate) {
                handles[event.buffer] = allocator_.allocate(program_.buffers[event.buffer].size);
            } else {
                allocator_.release(handles[event.buffer]);
            }
        }
    }
    void forward(std::int64_t batch) { play(program_.forward, batch); }
    void backward(std::int64_t batch) { play(program_.backward, batch); }

    const StepProgram& program_;
    CachingAllocator allocator_;
    std::vector<std::vector<CachingAllocator::Handle>> handles_{128};
};

/// The two moments of every parameter, as large as this rank's part of them.
std::vector<Bytes> moment_pieces(const Lowering& lowering, const StateMemory& states) {
    double elements = 0.0;
    for (const auto& unit : lowering.units) {
        if (unit.trainable) elements += static_cast<double>(unit.elements);
    }
    std::vector<Bytes> pieces;
    if (elements <= 0.0) return pieces;
    const double each = states.moments.real() / elements / 2.0;
    for (const auto& unit : lowering.units) {
        if (!unit.trainable) continue;
        for (const auto id : unit.parameters) {
            const auto size = static_cast<double>(numel(lowering.graph[id].shape)) * each;
            pieces.insert(pieces.end(), 2, Bytes{static_cast<std::int64_t>(size)});
        }
    }
    return pieces;
}

EngineMemory stage_memory(const PlanRequest& request, const Engine& engine,
                          const EngineSettings& settings, std::int64_t index, Replay replay) {
    const Lowering lowering = engine_step(request, engine_stage(request, settings, index));
    const StateMemory states = state_memory(lowering, engine, settings);
    const StepProgram program = step_program(lowering, engine, settings);
    double chunks = 1.0;
    const std::int64_t in_flight = micro_batches_in_flight(request, index, chunks);
    EngineMemory out{.stage = index, .states = states.kept()};
    if (gradients_appear(request, engine)) out.states -= states.gradients;
    out.buffers = states.buffers + states.gathered;
    const double surplus = static_cast<double>(in_flight) - chunks;
    out.transient = peak_of(program, in_flight);
    if (surplus > 0.0) {
        out.transient -= Bytes{static_cast<std::int64_t>(surplus * program.kept().real())};
    }
    out.allocated = std::max(out.states + out.buffers + out.transient, states.loading);
    out.reserved = out.allocated;
    if (replay == Replay::allocator) {
        Replayer replayer(program, engine);
        const std::vector<Bytes> moments = moment_pieces(lowering, states);
        Bytes late{};
        for (const auto size : moments) late += size;
        replayer.keep(out.states + out.buffers - late,
                      std::max<std::int64_t>(static_cast<std::int64_t>(lowering.units.size()), 1));
        const std::int64_t batches =
            std::min(request.train.accumulation, in_flight + kExtraMicroBatches);
        const Bytes held = replayer.run(in_flight, std::max<std::int64_t>(batches, 1), moments);
        out.reserved = std::max(out.allocated, held);
    }
    return out;
}

}  // namespace

/// Whether embedding and head take a layer's place in the split over stages: said by the run, or
/// needed for stages of equal length (Megatron's account_for_embedding/loss_in_pipeline_split).
static bool embeddings_take_places(const PlanRequest& request, const EngineSettings& settings) {
    const auto& layout = request.layout;
    return layout.pipeline > 1 &&
           (settings.embeddings_count_as_layers ||
            request.model.layers % (layout.pipeline * layout.interleave) != 0);
}

Stage engine_stage(const PlanRequest& request, const EngineSettings& settings, std::int64_t index) {
    const auto& layout = request.layout;
    const bool two_stacks = request.model.stack == Stack::encoder_decoder;
    if (two_stacks || !embeddings_take_places(request, settings)) return stage_of(request, index);
    Stage stage{.has_embedding = index == 0, .has_head = index == layout.pipeline - 1};
    const std::int64_t places = request.model.layers + 2;
    const std::int64_t slots = layout.pipeline * layout.interleave;
    const auto edge = [&](std::int64_t i) {
        return std::clamp<std::int64_t>(places * i / slots - 1, 0, request.model.layers);
    };
    for (std::int64_t chunk = 0; chunk < layout.interleave; ++chunk) {
        const std::int64_t slot = chunk * layout.pipeline + index;
        stage.chunks.push_back({edge(slot), edge(slot + 1)});
    }
    return stage;
}

EngineMemory engine_memory(const PlanRequest& request, const Engine& engine,
                           const EngineSettings& settings, Replay replay) {
    const std::int64_t last = request.layout.pipeline - 1;
    EngineMemory worst = stage_memory(request, engine, settings, last, replay);
    if (last > 0 && !settings.measured_on_last_stage) {
        const EngineMemory first = stage_memory(request, engine, settings, 0, replay);
        if (first.allocated > worst.allocated) worst = first;
    }
    const auto& gpu = request.hardware.profile;
    worst.process = worst.reserved + gpu.context + engine.buffers.outside;
    return worst;
}

}  // namespace headroom
