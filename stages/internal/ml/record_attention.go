package ml

import (
	"fmt"
	"reflect"

	"github.com/gomlx/compute"
	"github.com/gomlx/compute/dtypes"
	"github.com/gomlx/compute/shapes"
)

// Fused attention is the one fused operation that is recorded, since a study asks for
// it by name. Its hash has everything that it computes, whether or not the backend
// below has the operation. Recorded graphs are never run, so any value of the right
// shape may stand for its results.

// FusedScaledDotProductAttention implements compute.Function. The second result is
// the logarithm of the sum of each row of scores, [B, H, T], for the backward pass.
func (f *recorder) FusedScaledDotProductAttention(query, key, value compute.Value, layout compute.AttentionAxesLayout, c *compute.ScaledDotProductAttentionConfig) (compute.Value, []compute.Value, error) {
	op, shape, err := f.attention("FusedScaledDotProductAttention", query, layout, c)
	if err != nil {
		return nil, nil, err
	}
	op.operands([]compute.Value{query, key, value})
	d := shape.Dimensions // [B, T, H, d]
	outputs, err := f.placeholders(shape, shapes.Make(dtypes.Float32, d[0], d[2], d[1]))
	if outputs, err = op.many(outputs, err); err != nil {
		return nil, nil, err
	}
	return outputs[0], outputs[1:], nil
}

// FusedScaledDotProductAttentionVJP implements compute.Function.
func (f *recorder) FusedScaledDotProductAttentionVJP(query, key, value compute.Value, layout compute.AttentionAxesLayout, c *compute.ScaledDotProductAttentionConfig,
	output compute.Value, states []compute.Value, gradient compute.Value) (forQuery, forKey, forValue compute.Value, err error) {
	op, _, err := f.attention("FusedScaledDotProductAttentionVJP", query, layout, c)
	if err != nil {
		return nil, nil, nil, err
	}
	op.operands([]compute.Value{query, key, value, output, gradient})
	op.operands(states)
	var like []shapes.Shape
	for _, x := range []compute.Value{query, key, value} {
		shape, err := f.Shape(x)
		if err != nil {
			return nil, nil, nil, err
		}
		like = append(like, shape)
	}
	outputs, err := f.placeholders(like...)
	if outputs, err = op.many(outputs, err); err != nil {
		return nil, nil, nil, err
	}
	return outputs[0], outputs[1], outputs[2], nil
}

// attention starts the hash of an operation on query. It returns query's shape.
func (f *recorder) attention(name string, query compute.Value, layout compute.AttentionAxesLayout, c *compute.ScaledDotProductAttentionConfig) (*operation, shapes.Shape, error) {
	shape, err := f.Shape(query)
	if err != nil {
		return nil, shape, err
	}
	hashed := compute.ScaledDotProductAttentionConfig{Scale: c.Scale, Causal: c.Causal}
	if layout != compute.AttentionAxesLayoutBSHD || c.Scale == 0 || !reflect.DeepEqual(*c, hashed) {
		return nil, shape, fmt.Errorf("%s has options that are not recorded: %w", name, compute.ErrNotImplemented)
	}
	op := begin(name)
	op.attribute(c.Scale)
	op.attribute(c.Causal)
	op.attribute(shape)
	return op, shape, nil
}

// placeholders makes values of the given shapes.
func (f *recorder) placeholders(of ...shapes.Shape) ([]compute.Value, error) {
	var out []compute.Value
	for _, s := range of {
		zero, err := f.inner.Constant(reflect.MakeSlice(reflect.SliceOf(s.DType.GoType()), 1, 1).Interface())
		if err != nil {
			return nil, err
		}
		v, err := f.inner.BroadcastInDim(zero, s, nil)
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}
