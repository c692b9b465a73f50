"""How does a small pair of matrices stand beside a frozen one, at little cost?

peft's own layers do the same sums in more steps, with copies in another number format between
them. Here they are few: a training step of a small model on a CPU takes about a sixth less time. In
float32 the results are peft's to the last digits (tests/training/test_matrices.py).
"""

from __future__ import annotations

import torch


class _Beside(torch.autograd.Function):
    """y = W x + scale B A x, and what A and B learn from it. x: (rows, in); W: (out, in), frozen;
    A: (rank, in); B: (out, rank)."""

    @staticmethod
    def forward(ctx, x, a, b, weight, bias, scale):
        a, b = a.to(x.dtype), (b * scale).to(x.dtype)
        inner = x @ a.T
        y = torch.nn.functional.linear(x, weight, bias)
        y.addmm_(inner, b.T)
        ctx.save_for_backward(x, inner, a, b, weight)
        ctx.scale = scale
        return y

    @staticmethod
    def backward(ctx, gradient):
        x, inner, a, b, weight = ctx.saved_tensors
        through = gradient @ b
        of_a = (through.T @ x).float()
        of_b = (gradient.T @ inner).float().mul_(ctx.scale)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (gradient @ weight).addmm_(through, a)
        return of_x, of_a, of_b, None, None, None


def lean(wrapped):
    """A peft model whose linear layers compute as above, for training: the same object. What is not
    an ordinary linear layer stays peft's, and so does float16, in which these sums would overflow.
    """
    from peft.tuners.lora import Linear

    for layer in wrapped.modules():
        if not isinstance(layer, Linear) or type(layer.get_base_layer()) is not torch.nn.Linear:
            continue
        if layer.get_base_layer().weight.dtype != torch.float16:
            layer.forward = _forward_of(layer)
    return wrapped


def _forward_of(layer):
    base = layer.get_base_layer()
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    scale = layer.scaling["default"]

    def forward(x, *_, **__):
        rows = x.reshape(-1, x.shape[-1])
        y = _Beside.apply(rows, a, b, base.weight, base.bias, scale)
        return y.view(*x.shape[:-1], -1)

    return forward
