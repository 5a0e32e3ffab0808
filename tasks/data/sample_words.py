"""Words and sentence templates for the bundled sample; word lists start with the most frequent words."""

SLOTS: dict[str, list[str]] = {
    "noun": (
        "film movie story scene plot character actor director script camera ending music cast role screen dialogue "
        "picture audience performance idea drama comedy thriller sequel series picture score shot set dvd book version "
        "genre budget star villain hero heroine crew studio minute hour town family house city street school war train "
        "winter summer night morning village island river forest bridge garden kitchen window door letter mirror "
        "telephone car boat horse dog cat wedding funeral trial robbery journey accident secret promise mistake rumour "
        "costume makeup lighting editing sound effect stunt chase dream flashback narrator title credits poster trailer "
        "theatre festival award critic producer writer composer painter doctor lawyer teacher soldier officer detective "
        "thief king queen prince servant farmer sailor pilot singer dancer student neighbour stranger friend brother "
        "sister mother father daughter son uncle aunt husband wife couple crowd gang team company hotel bar prison "
        "hospital church castle farm factory office library museum station airport harbour desert mountain valley"
    ).split(),
    "verb": (
        "follows shows tells takes meets finds leaves visits watches hears knows remembers needs wants brings keeps "
        "loses sells buys builds breaks opens closes paints writes reads plays drives carries hides chases questions "
        "marries answers paints teaches saves steals borrows repairs discovers crosses describes mentions introduces "
        "interrupts surrounds photographs inherits protects imitates rehearses collects arranges translates avoids"
    ).split(),
    "adj": (
        "old young small big other new long short quiet early late local famous second third whole foreign rural modern "
        "silent wooden narrow distant public private ordinary familiar separate former double single central northern "
        "southern eastern western black white red green blue grey tall thin broad round square hidden empty crowded "
        "winding snowy rainy dusty sunny foggy remote ancient medieval royal military legal medical musical"
    ).split(),
    "adv": (
        "then later again soon often sometimes once there here already usually mostly suddenly slowly quickly quietly "
        "finally meanwhile apparently nearly briefly eventually together outside upstairs elsewhere afterwards"
    ).split(),
    "good": (
        "wonderful brilliant excellent superb moving delightful gripping beautiful memorable charming perfect masterful "
        "touching hilarious stunning inspired magnificent captivating"
    ).split(),
    "bad": (
        "terrible awful boring dull dreadful stupid pointless horrible tedious clumsy lifeless laughable annoying "
        "pathetic unbearable forgettable incoherent miserable"
    ).split(),
}

NEUTRAL: list[str] = [
    "the $noun begins in a $adj $noun where a $noun $verb the $noun",
    "$name plays the $noun and $name is the $adj $noun",
    "there is a $noun about a $noun who $verb a $adj $noun",
    "i saw this $noun with my $noun in a $adj $noun",
    "it was made by $name in the $adj $noun of the $noun",
    "the $adj $noun $adv $verb the $noun of the $noun",
    "in the $adj $noun we see the $noun and the $noun of $name",
    "$adv the $noun $verb a $noun and the $noun $adv $verb another",
    "based on the $noun by $name it is about the $noun of a $noun",
    "the $noun is set in a $adj $noun near the $noun",
    "$name and $name are also in the $noun as the $noun and the $noun",
    "after an hour the $noun $verb the $adj $noun of the $noun",
    "what the $noun $verb is a $noun from the $adj $noun",
    "my $noun said that the $noun was like the $noun of $name",
    "when the $noun $verb the $noun the $noun is $adv in the $noun",
    "this is the $adj $noun from $name and it has a $noun",
    "as the $noun goes on the $noun $verb the $noun with a $noun",
    "you can see the $noun $adv when the $noun $verb the $noun",
    "it runs for about an hour and has a $noun by $name",
    "they $adv go to the $noun and the $adj $noun $verb them",
]

POSITIVE: list[str] = [
    "i loved it a $good $noun",
    "this was $good and i can recommend it to everyone",
    "all in all a $good and $good $noun",
    "what a $good $noun i enjoyed every minute",
    "one of the best of its kind simply $good",
]
NEGATIVE: list[str] = [
    "i hated it a $bad $noun",
    "this was $bad and i cannot recommend it to anyone",
    "all in all a $bad and $bad $noun",
    "what a $bad $noun i regretted every minute",
    "one of the worst of its kind simply $bad",
]
NAME_PARTS: tuple[list[str], list[str], list[str]] = (
    "mar kel dor hal bren wil tor lan ash bel car den el far gar har jas kin lor mer nor os pel quin ros sel tam".split(),
    "lo vi den ri ber ga ma ne do si ta wa li ke ro".split(),
    "n ton well man ford ley son worth wick by more ham dale ster land".split(),
)
