"""The operators Habana's TensorFlow has kernels for on HPU, and for which types: what `gaudi plan --graph` compares with.

Where it comes from: TensorFlow's registry of kernels for the device HPU in a process that had loaded habana-tensorflow
1.14.0.493 (TensorFlow 2.15.0) without a card and then let the bridge register the kernels that it otherwise registers
when a card appears; the three device types it takes (Gaudi among them) gave the same. tests/list_hpu_kernels.py does it
again. The bridge's own operators (Habana*, Hpu*, and those beginning with _) are left out.
How complete: it is what the bridge registers, not what its compiler takes: ranks, sizes and attributes may be refused
still, and its rewriting of graphs is not seen. Of Habana's page "TensorFlow Operators" only the beginning, Abs to
ApplyAddSign, could be had: it names the same operators, without the int64 of Add, AddN and AddV2.
Functional control flow (If, While) and what TensorFlow lowers it to are not in it, nor are Horovod's operators.
"""

# types of the attributes that every kernel restricts ("any": none is), then the operators
TABLE = """
any
    AnonymousIterator AnonymousIteratorV2 AnonymousIteratorV3 ApplyAdaMax ApplyAdadelta ApplyAdagrad ApplyAdagradV2
    ApplyAdam ApplyAddSign ApplyCenteredRMSProp ApplyFtrl ApplyFtrlV2 ApplyGradientDescent ApplyMomentum
    ApplyPowerSign ApplyRMSProp Assign AssignAdd AssignSub CollectiveCommHandshakeConsumer
    CollectiveCommHandshakeProducer CollectiveGroupInit CollectiveInitializeCommunicator CombinedNonMaxSuppression
    ConcatOffset CreateMediaProxy DebugIdentityV2 DeleteIterator DestroyResourceOp EmptyTensorList
    ExperimentalMapDataset ExperimentalSleepDataset FinalizeDataset GeneratorDataset GetDeviceId GetOptions
    IdentityN IteratorFromStringHandleV2 IteratorGetNext IteratorGetNextAsOptional IteratorGetNextSync
    IteratorToStringHandle IteratorV2 LogicalAnd LogicalNot LogicalOr MakeIterator MapClear MapIncompleteSize
    MapPeek MapSize MapStage MapUnstage MapUnstageNoKey NoOp OptionalFromValue OptionalGetValue OptionalHasValue
    OptionalNone OptionsDataset PartitionedCall PrefetchDataset ProbeDeviceAddr ReadVariableOp SleepDataset Stage
    StageClear StagePeek StageSize StatefulPartitionedCall StatelessRandomGetAlg StatelessRandomGetKeyCounter
    StatelessRandomGetKeyCounterAlg SymbolicGradient TensorArrayCloseV3 TensorArrayGradV3 TensorArrayGradWithShape
    TensorArraySizeV3 TensorListConcatLists TensorListElementShape TensorListLength TensorListPushBack
    TensorListReserve TensorListResize TensorListSetItem Unstage UnwrapDatasetVariant VarIsInitializedOp Variable
    VariableV2 WrapDatasetVariant
DstT=bf16,bool,f32,i16,i32,i64,i8,u16,u32,u64,u8 SrcT=bf16,bool,f32,i16,i32,i64,i8,u16,u32,u64,u8
    Cast
Index=i32 T=bf16,f32,i32,i8
    Slice
Index=i32,i64 T=bf16,f32,i32
    TensorStridedSliceUpdate
T=bf16,bool,f32,i16,i32,i64,i8,resource,string,u16,u32,u8
    Identity PreventGradient StopGradient
T=bf16,bool,f32,i16,i32,i64,i8,resource,u16,u32,u8
    DeepCopy
T=bf16,bool,f32,i16,i32,i64,i8,u16,u32,u64,u8
    NotEqual
T=bf16,bool,f32,i16,i32,i64,i8,u16,u32,u8
    Equal Squeeze Where
T=bf16,bool,f32,i16,i32,i64,i8,u16,u8
    Snapshot
T=bf16,bool,f32,i16,i32,i8,u16,u32,u8
    Concat DynamicPartition EnsureShape Reverse ZerosLike
T=bf16,bool,f32,i16,i32,i8,u16,u32,u8 Taxis=i32,i64 Tshift=i32,i64
    Roll
T=bf16,bool,f32,i16,i32,i8,u16,u32,u8 Tidx=i32
    ReverseV2
T=bf16,bool,f32,i16,i32,i8,u16,u32,u8 Tidx=i32,i64
    BroadcastTo
T=bf16,bool,f32,i16,i32,i8,u16,u32,u8 Tindices=i32 Tnumsegments=i32,i64
    UnsortedSegmentSum
T=bf16,bool,f32,i16,i32,i8,u8 Tperm=i32,i64
    Transpose
T=bf16,bool,f32,i32
    Pack
T=bf16,bool,f32,i32 Tshape=i32,i64
    Reshape
T=bf16,bool,f32,i32,i64
    SelectV2
T=bf16,bool,f32,i32,i64,i8,u16,u8 Tindices=i32,i64
    TensorScatterUpdate
T=bf16,bool,f32,i32,i8
    Tile
T=bf16,bool,f32,i32,i8 Tlen=i32,i64
    SplitV
T=bf16,bool,f32,i32,i8 out_type=i32,i64
    Shape
T=bf16,bool,f32,i32,i8,u8
    DynamicStitch StridedSlice StridedSliceGrad
T=bf16,bool,f32,i32,i8,u8 Tdim=i32,i64
    ExpandDims
T=bf16,bool,f32,i32,i8,u8 Tidx=i32,i64
    ConcatV2
T=bf16,f32
    Addons>Resampler Addons>ResamplerGrad AvgPool AvgPool3D AvgPool3DGrad AvgPoolGrad BatchMatMul BatchMatMulV2
    BiasAdd BiasAddGrad Ceil ClipByValue CollectiveReduce CollectiveReduceV2 CollectiveReduceV3 Conv2D
    Conv2DBackpropFilter Conv2DBackpropInput Conv3D Conv3DBackpropFilterV2 Cos Cosh DepthToSpace
    DepthwiseConv2dNative DepthwiseConv2dNativeBackpropFilter DepthwiseConv2dNativeBackpropInput Div DivNoNan Einsum
    Elu EluGrad Erf Exp Expm1 Floor Inv InvGrad IsFinite IsInf IsNan L2Loss LRN LRNGrad LeakyRelu LeakyReluGrad Log
    Log1p LogSoftmax MatMul MatrixDiag MatrixDiagPart MatrixDiagPartV2 MatrixDiagPartV3 MatrixDiagV2 MatrixDiagV3
    MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3 MatrixTriangularSolve MaxPool MaxPool3D MaxPoolGrad MaxPoolGradV2
    MaxPoolV2 NextAfter PyramidRoiAlign PyramidRoiAlignGradImages RealDiv Reciprocal ReciprocalGrad Relu Relu6
    Relu6Grad ReluGrad ResizeArea ResizeBicubic ResizeBilinear ResizeBilinearGrad ResizeNearestNeighbor
    ResizeNearestNeighborGrad ResourceApplyAdaMax ResourceApplyAdadelta ResourceApplyAdagrad ResourceApplyAdagradV2
    ResourceApplyAdam ResourceApplyAdamWithAmsgrad ResourceApplyAddSign ResourceApplyCenteredRMSProp
    ResourceApplyFtrl ResourceApplyFtrlV2 ResourceApplyGradientDescent ResourceApplyKerasMomentum
    ResourceApplyPowerSign ResourceApplyProximalAdagrad ResourceApplyRMSProp ResourceSparseApplyAdadelta
    ResourceSparseApplyAdagrad ResourceSparseApplyAdagradV2 ResourceSparseApplyCenteredRMSProp
    ResourceSparseApplyFtrl ResourceSparseApplyFtrlV2 ResourceSparseApplyKerasMomentum
    ResourceSparseApplyProximalAdagrad ResourceSparseApplyRMSProp Rint Round Rsqrt RsqrtGrad Selu SeluGrad Sigmoid
    SigmoidGrad Sign Sin Softmax SoftmaxCrossEntropyWithLogits SoftplusGrad Softsign SoftsignGrad Split Sqrt
    SqrtGrad Tanh TanhGrad
T=bf16,f32 TI=i32
    OneHot
T=bf16,f32 TInput=bf16,f32
    MaxPool3DGrad
T=bf16,f32 Tblock_shape=i32 Tcrops=i32
    BatchToSpaceND
T=bf16,f32 Tblock_shape=i32 Tpaddings=i32
    SpaceToBatchND
T=bf16,f32 Tidx=i32
    BatchToSpace
T=bf16,f32 Tidx=i32 Tsegmentids=i32
    SparseSegmentMean SparseSegmentMeanWithNumSegments SparseSegmentSqrtNWithNumSegments SparseSegmentSum
    SparseSegmentSumWithNumSegments
T=bf16,f32 Tidx=i32 Tsegmentids=i32,i64
    SparseSegmentSqrtN
T=bf16,f32 Tidx=i32,i64
    EuclideanNorm LinSpace Mean
T=bf16,f32 Tidx=i32,i64 Tsegmentids=i32,i64
    SparseSegmentMeanGrad SparseSegmentSqrtNGrad SparseSegmentSumGrad
T=bf16,f32 Tidx=i32,i64 output_type=i32,i64
    ArgMin
T=bf16,f32 Tindex=i32,i64
    MatrixBandPart
T=bf16,f32 Tindices=i32
    SparseTensorDenseAdd TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub
T=bf16,f32 Tlabels=i32,i64
    SparseSoftmaxCrossEntropyWithLogits
T=bf16,f32 Tpaddings=i32
    SpaceToBatch
T=bf16,f32 Tshape=i32,i64
    Conv3DBackpropInputV2
T=bf16,f32 U=f32
    FusedBatchNormGradV2 FusedBatchNormGradV3 FusedBatchNormV2 FusedBatchNormV3
T=bf16,f32 output_dtype=i32,i64
    Multinomial
T=bf16,f32,i16,i32,i64
    Add AddV2
T=bf16,f32,i16,i32,i64,i8
    Square
T=bf16,f32,i16,i32,i64,i8,u16,u32,u64,u8
    Bitcast
T=bf16,f32,i16,i32,i64,i8,u16,u32,u8
    Mul
T=bf16,f32,i16,i32,i64,i8,u8
    AddN
T=bf16,f32,i16,i32,i8,u16,u32,u8
    Greater Less LessEqual
T=bf16,f32,i16,i32,u16,u32 Tpaddings=i32,i64
    MirrorPadGrad
T=bf16,f32,i32
    Abs Cross Diag DiagPart FloorDiv Minimum Mod Neg Select SquaredDifference Sub TensorArraySplitV3 TruncateMod
    Unpack
T=bf16,f32,i32 Tidx=i32,i64
    Cumprod Cumsum Min Prod Sum
T=bf16,f32,i32 Tindices=i32,i64
    ResourceScatterNdAdd ResourceScatterNdMax ResourceScatterNdMin ResourceScatterNdSub ResourceScatterNdUpdate
    ScatterNd
T=bf16,f32,i32 Tpaddings=i32,i64
    MirrorPad Pad PadV2
T=bf16,f32,i32 index_type=i32,i64
    Fill
T=bf16,f32,i32,i64
    Maximum
T=bf16,f32,i32,i64,i8,u8 Tidx=i32,i64
    Max
T=bf16,f32,i32,i8
    OnesLike RandomShuffle Softplus
T=bf16,f32,i32,i8 Tidx=i32,i64 output_type=i32,i64
    ArgMax
T=bf16,f32,i32,i8 out_type=i32,i64
    ShapeN Size
T=bf16,f32,i32,i8,u8
    GreaterEqual
T=bf16,f32,u8
    SpaceToDepth
T=bool,f32,i16,i32,i64,i8,u16,u32,u8 Tindices=i32,i64
    SparseToDense
T=f16,f32,f64,i32,i64
    CollectiveGather CollectiveGatherV2
T=f32
    Acos Acosh AdjustContrastv2 ApproximateEqual Asin Asinh Atan Atan2 Atanh BesselI0 BlockLSTM BlockLSTMGrad
    BlockLSTMGradV2 BlockLSTMV2 CropAndResize CropAndResizeGradImage Digamma Erfinv FusedBatchNorm
    FusedBatchNormGrad GRUBlockCell GRUBlockCellGrad LSTMBlockCell LSTMBlockCellGrad MulNoNan Ndtri
    NonMaxSuppressionV5 Pow Qr ResizeBicubicGrad ResourceApplyMomentum ReverseSequence Sinh Tan Xdivy Xlog1py Xlogy
T=f32 T_threshold=f32
    NonMaxSuppressionV2 NonMaxSuppressionV3 NonMaxSuppressionV4
T=f32 Tindex=i32,i64 Tshape=i32,i64
    RaggedTensorToTensor
T=f32 output_idx_type=i32
    Lu
T=f32,i16,i32,i8,u16,u8
    CropAndResizeGradBoxes
T=f32,i32
    Bincount TensorArrayScatterV3 TensorArrayWriteV3
T=f32,i32 Tidx=i32
    DenseBincount
T=f32,i32,i64
    CollectiveBcastRecv CollectiveBcastRecvV2 CollectiveBcastSend CollectiveBcastSendV2 TopK TopKV2
T=i16,i32,i8,u16,u32,u8
    BitwiseAnd BitwiseOr BitwiseXor FloorMod Invert LeftShift RightShift TruncateDiv
T=i32
    DataFormatVecPermute
T=i32 Tout=i32
    RandomUniformInt
T=i32,i64
    BroadcastArgs BroadcastGradientArgs DataFormatDimMap InTopK InTopKV2 InvertPermutation
T=i32,i64 Tseed=i32,i64 dtype=bf16,f32
    StatelessRandomUniform
T=i32,i64 Tseed=i32,i64 dtype=i32,i64
    StatelessRandomUniformInt
T=i32,i64 Tseed=i32,i64 dtype=i32,i64,u32,u64
    StatelessRandomUniformFullInt
T=i32,i64 dtype=bf16,f32
    RandomStandardNormal RandomUniform TruncatedNormal
T=u64
    Rank
Ta=bf16,f32 Tb=bf16,f32
    SparseMatMul
Ta=bf16,f32 Tb=bf16,f32 Tout=bf16,f32
    BatchMatMulV3
Taxis=i32,i64 Tindices=i32,i64 Tparams=bf16,bool,f32,i32,i64,i8
    GatherV2
Tidx=bf16,f32,i32
    Range
Tidx=i32,i64
    All Any UnravelIndex
Tindices=i32,i64 Tparams=bf16,f32,i32
    GatherNd
Tindices=i32,i64 Tparams=bf16,f32,i32,i8
    Gather
Tindices=i32,i64 dtype=bf16,f32
    ResourceGather
Tindices=i32,i64 dtype=bf16,f32,i32
    ResourceGatherNd ResourceScatterAdd ResourceScatterDiv ResourceScatterMax ResourceScatterMin ResourceScatterMul
    ResourceScatterSub ResourceScatterUpdate
Tshape=i32,i64 dtype=bf16,f32
    StatelessRandomUniformV2
Tshape=i32,i64 dtype=i32,i64
    StatelessRandomUniformIntV2
Tshape=i32,i64 dtype=i32,i64,u32,u64
    StatelessRandomUniformFullIntV2
dtype=bf16,bool,f32,i16,i32,i64,i8,string,u16,u8
    Const
dtype=bf16,bool,f32,i32,i64,u8
    Empty
dtype=bf16,bool,f32,i32,i8,resource
    PlaceholderWithDefault
dtype=bf16,f32
    ImageProjectiveTransformV2 ImageProjectiveTransformV3
dtype=bf16,f32,i32
    AssignAddVariableOp AssignSubVariableOp AssignVariableOp TensorArrayReadV3 TensorArrayV3 VarHandleOp
dtype=f32
    StatefulStandardNormalV2 StatefulUniform
dtype=f32,i32
    TensorArrayConcatV3 TensorArrayGatherV3
dtype=i32,u32
    StatefulUniformFullInt
element_dtype=bf16,bool,f32,f64,i32,i64
    TensorListGetItem TensorListSplit
element_dtype=bf16,bool,f32,i32,i64
    TensorListFromTensor TensorListPopBack TensorListStack
out_type=i32,i64
    VariableShape
"""


SHORT = {"bf16": "bfloat16", **{f"f{bits}": f"float{bits}" for bits in (16, 32, 64)},
         **{f"i{bits}": f"int{bits}" for bits in (8, 16, 32, 64)}, **{f"u{bits}": f"uint{bits}" for bits in (8, 16, 32, 64)}}


def table(text: str) -> dict[str, dict[str, set[str]]]:
    """{operator: {attribute: types it has kernels for}}; an attribute that is absent takes any type."""
    kernels, types = {}, {}
    for line in text.strip().splitlines():
        if line.startswith(" "):
            kernels |= {name: types for name in line.split()}
        elif line == "any":
            types = {}
        else:
            pairs = (part.split("=") for part in line.split())
            types = {name: {SHORT.get(short, short) for short in allowed.split(",")} for name, allowed in pairs}
    return kernels


KERNELS = table(TABLE)
