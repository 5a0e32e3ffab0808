"""The names of files and folders below `outputs`, each defined once.

outputs/data/<fingerprint>/          a prepared dataset
outputs/models/<name>-seed<n>-<key>/ a trained network
outputs/runs/<run>/                  a run: its report and record; `latest` and `promoted` are links to runs
outputs/registry/                    promoted networks and the ledger
outputs/cache/                       downloads, the bundled sample, surveys of own texts
outputs/figures/, outputs/scores/    kept figures and kept scores
outputs/history.parquet              one row per run
"""

DATA, MODELS, RUNS, REGISTRY, CACHE, FIGURES, SCORES = (
    "data",
    "models",
    "runs",
    "registry",
    "cache",
    "figures",
    "scores",
)
LATEST, PROMOTED = "latest", "promoted"  # Links to run folders.
RUN_LOG = "history.parquet"
# A dataset.
DATASET = "dataset.json"
TRAIN, TEST = "train.parquet", "test.parquet"
VOCABULARY = "vocabulary.json"  # The words that have tokens.
WORD_INDEX = "word_index.json"  # All ranked words, including those beyond the vocabulary.
# In a folder `yardstick-<key>` of the dataset.
YARDSTICK, BAG_OF_WORDS, OUT_OF_FOLD = "yardstick.json", "yardstick.parquet", "out_of_fold.parquet"
# A network. Its folder also contains a copy of the dataset's vocabulary.
NETWORK = "network.json"
HISTORY = "history.parquet"
FIRST, LAST, BEST = "first.keras", "last.keras", "best.keras"  # Saved after the first, the last and the best epoch.
PREDICTIONS = "predictions.parquet"
MEMORY, REACH = "memory.parquet", "reach.parquet"
RECORD = "record.json"  # It is written last: its presence means that the network is trained.
EVALUATION, EXPLANATION = "evaluation.json", "explanation.json"
CHAPTER = "chapter.json"  # The numbers of the chapter page, in the folder of the run's first network.
PROGRESS = "progress.jsonl"
LAST_CHECKPOINT, BEST_CHECKPOINT = "checkpoint.npz", "best.npz"  # They exist only during training.
# A run.
RUN = "run.json"  # Read by this program; `metrics.json` is for people and other programs.
REPORT, REPORT_MARKDOWN, CHAPTER_PAGE, READER, SUMMARY, METRICS = (
    "report.html", "report.md", "chapter.html", "reader.html", "summary.txt", "metrics.json",
)  # fmt: skip
SUSPECTS = "suspects.parquet"  # The labels that are most probably wrong.
SWEEP_JOURNAL = "optuna.journal"  # The trials of a sweep, for `optuna-dashboard`.
IN_USE = "in-use.json"  # The run's process and the networks it uses; exists only during the run.
WORD_TABLES = "word_tables.json"  # In an exported ONNX model: how texts become words.
# The registry.
NETWORKS = "networks"
LEDGER, CHAMPION, MANIFEST = "promotions.jsonl", "champion.json", "manifest.json"
TEST_DIGESTS, MODEL_CARD = "test_digests.parquet", "model-card.md"
# Kept scores, and cached files of own texts.
SCORING, PARTS, COLUMNS = "scoring.json", "parts", "columns.arrow"
SOURCES, SURVEYS = "sources", "surveys"
SURVEYED_REVIEWS, SURVEYED_WORDS = "reviews.parquet", "words.parquet"
IMDB, KERAS_WORD_INDEX = "imdb.npz", "imdb_word_index.json"
