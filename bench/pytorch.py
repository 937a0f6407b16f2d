#!/usr/bin/env python3
"""A training step in PyTorch, to put beside Headroom's own on the same GPU.

    bench/pytorch.py full meta-llama/Llama-3.2-1B --batch 8 --sequence 2048
    bench/pytorch.py lora meta-llama/Llama-3.1-8B --batch 4 --sequence 2048 --json FILE

Hugging Face's model of a profile in profiles/models with random weights; every decoder layer and the
head with its loss go through torch.compile, attention is cuDNN's where it takes the shape (the report
names the kernels that ran), the optimizer is torch's fused AdamW.

  full  fp32 weights, bf16 autocast: what `--goal pretrain` does with bf16 weights and an fp32 master
  lora  PEFT: rank 16, alpha 32, on all seven matrices of a layer; frozen bf16 weights, fp32 adapters

Prints the median of the steps after three to warm up. Needs torch, transformers and (lora) peft.
"""

import argparse
import json
import pathlib
import statistics
import time

import torch
import torch.nn.functional as F
import transformers
from torch.nn.attention import SDPBackend, sdpa_kernel

PROFILES = pathlib.Path(__file__).resolve().parent.parent / "profiles" / "models"
WARM_UP = 3
MATRICES = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def config_of(name: str, layers: int | None):
    """transformers' config of a profile; `layers` cuts the model short, for a trial."""
    values = dict(json.loads((PROFILES / (name.replace("/", "__") + ".json")).read_text())["config"])
    if layers:
        values["num_hidden_layers"] = layers
    config = transformers.AutoConfig.for_model(values.pop("model_type"), **values)
    config.use_cache = False
    return config


def build(kind: str, config, device: str):
    """The model, and its decoder without the head."""
    dtype = torch.float32 if kind == "full" else torch.bfloat16
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    torch.set_default_dtype(torch.float32)
    decoder, head = model.model, model.lm_head
    if kind == "lora":
        import peft

        adapter = peft.LoraConfig(r=16, lora_alpha=32, target_modules=MATRICES, lora_dropout=0.0)
        model = peft.get_peft_model(model, adapter)
    model.train()
    return model, decoder, head


def head_loss(hidden, weight, targets):
    logits = F.linear(hidden, weight).float()
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), targets.view(-1))


def attention_kernels(step) -> list[str]:
    """Names of the kernels of a step that are attention's."""
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CUDA]) as profile:
        step()
    words = ("sdpa", "flash", "fmha", "attention", "cudnn")
    return sorted({e.key for e in profile.key_averages() if any(w in e.key.lower() for w in words)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", choices=["full", "lora"])
    parser.add_argument("model")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--sequence", type=int, required=True)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--layers", type=int)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--json", type=pathlib.Path)
    args = parser.parse_args()

    torch.manual_seed(1)
    torch._dynamo.config.recompile_limit = 64
    gpu = args.device == "cuda"
    config = config_of(args.model, args.layers)
    model, decoder, head = build(args.kind, config, args.device)
    for layer in decoder.layers:
        layer.compile()
    compiled_loss = torch.compile(head_loss)
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    shape = (args.batch, args.sequence)
    tokens = torch.randint(config.vocab_size, shape, device=args.device)
    targets = torch.randint(config.vocab_size, shape, device=args.device)

    def step():
        with torch.autocast(args.device, dtype=torch.bfloat16):
            hidden = decoder(input_ids=tokens, use_cache=False).last_hidden_state
            loss = compiled_loss(hidden, head.weight, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return loss

    def wait():
        if gpu:
            torch.cuda.synchronize()

    took, losses = [], []
    backends = [SDPBackend.CUDNN_ATTENTION, SDPBackend.FLASH_ATTENTION, SDPBackend.MATH]
    with sdpa_kernel(backends if gpu else [SDPBackend.MATH], set_priority=True):
        begin = time.perf_counter()
        for index in range(WARM_UP + args.steps):
            start = time.perf_counter()
            losses.append(step())
            wait()
            if index >= WARM_UP:
                took.append(time.perf_counter() - start)
            elif index == 0:
                print(f"first step after {time.perf_counter() - begin:.1f} s", flush=True)
        kernels = attention_kernels(step) if gpu else []
    seconds = statistics.median(took)
    report = {
        "kind": args.kind,
        "model": args.model,
        "batch": args.batch,
        "sequence": args.sequence,
        "step_s": seconds,
        "step_s_least": min(took),
        "step_s_most": max(took),
        "tokens_per_s": args.batch * args.sequence / seconds,
        "trained_parameters": sum(p.numel() for p in trained),
        "peak_allocated_bytes": torch.cuda.max_memory_allocated() if gpu else None,
        "attention_kernels": kernels,
        "loss_first": float(losses[0]),
        "loss_last": float(losses[-1]),
        "device": torch.cuda.get_device_name() if gpu else "cpu",
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }
    print(json.dumps(report, indent=1))
    if args.json:
        args.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
