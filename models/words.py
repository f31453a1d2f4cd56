"""Words that stand on documents: names, titles, business words, dates, amounts; in two disjoint parts."""
import functools

import numpy as np

FIRST_NAMES = """
Aaron Abigail Adam Adrian Agnes Aisha Alan Albert Alice Amara Amelia Amir Amy Andrea Andrew Angela Anita Anna Anthony
Arthur Astrid Audrey Barbara Beatrice Benjamin Bernard Bianca Boris Brenda Brian Bruno Camille Carl Carmen Caroline
Catherine Cecilia Charles Chloe Christine Clara Claudia Colin Cynthia Daniel David Deborah Denise Diana Dimitri
Dominic Dorothy Edgar Edith Edward Elaine Elena Elias Elizabeth Ellen Emil Emily Emma Eric Erika Esther Ethan Eugene
Eva Evelyn Fatima Felix Fernando Fiona Florence Frances Francis Frank Frederick Gabriel George Gerald Grace Greta
Gustav Hannah Harold Harriet Hassan Heidi Helen Henry Hugo Ian Ingrid Irene Isaac Isabel Ivan Jack Jacob James Jane
Janet Jasmine Jean Jennifer Jerome Joan Joel John Jonas Joseph Joyce Judith Julia Julian Karen Karin Katrina Keith
Kenneth Kevin Lars Laura Lena Leo Leonard Lewis Lily Linda Lisa Louis Lucas Lucy Luis Lydia Magnus Marcel Margaret
Maria Marian Mark Martha Martin Mary Matilda Matthew Maurice Max Megan Melissa Michael Miguel Mildred Miriam Mohammed
Monica Nadia Nancy Naomi Natalie Nathan Nicholas Nina Noah Nora Norman Olga Oliver Olivia Oscar Otto Pamela Patricia
Patrick Paul Paula Pedro Peter Philip Phyllis Priya Rachel Ralph Raymond Rebecca Regina Ricardo Richard Rita Robert
Roger Rosa Roy Ruben Ruth Samuel Sandra Sarah Sean Sergei Sharon Sheila Silvia Simon Sofia Sonia Stanley Stella
Stephen Susan Sven Sylvia Tamara Teresa Theodore Thomas Timothy Tobias Ursula Valerie Vera Victor Vincent Viola
Virginia Walter Wanda Wendy William Yasmin Yusuf Yvonne
"""
SURNAMES = """
Abbott Adler Ahmed Allen Alvarez Andersen Archer Bailey Baker Banerjee Barnes Bauer Becker Bell Bennett Berger Bianchi
Bishop Blake Bond Bradley Braun Brooks Brown Burke Campbell Carter Castillo Chang Chapman Chen Clarke Cohen Cole
Collins Cooper Costa Crawford Cruz Dalton Davies Delgado Dixon Doyle Dubois Duncan Edwards Eriksson Evans Farrell
Ferrari Fischer Fletcher Flores Fontaine Foster Fournier Fraser Garcia Gibson Gomez Gordon Graham Grant Greene Griffin
Gupta Haas Hale Hamilton Hansen Harper Hayes Hoffman Holland Horvath Howard Hughes Hunter Ibrahim Iversen Jackson
Jansen Jenkins Jensen Johnson Jones Kapoor Kaufman Keller Kelly Khan Kim Klein Knight Kowalski Kramer Lambert Larsen
Laurent Lawson Lee Lehmann Lindgren Lopez Lorenz Macdonald Marino Marsh Martinez Mason Mendoza Meyer Miller Mitchell
Moore Morales Moreau Morgan Morris Mueller Murphy Nakamura Nelson Newman Nguyen Nolan Novak Olsen Ortega Owens Palmer
Park Parker Patel Pearson Perez Petersen Phillips Popov Porter Powell Price Quinn Ramirez Reed Reyes Reynolds Richter
Rivera Roberts Robinson Rogers Romero Rossi Russell Ryan Sanders Santos Sato Schmidt Schneider Schulz Scott Shah Shaw
Silva Simmons Singh Smith Sorensen Spencer Stein Stewart Stone Sullivan Suzuki Tanaka Taylor Thompson Torres Tucker
Turner Vargas Vogel Wagner Walker Wallace Walsh Wang Ward Watson Weber Weiss Wells West White Williams Wilson Winter
Wolf Wong Wood Wright Yamamoto Young Zhang
"""
BUSINESS = """
Account Address Agreement Amendment Amount Annex Applicant Approved Article Assets Attachment Auditor Authority
Balance Bank Bearer Beneficiary Board Borrower Branch Budget Buyer Cashier Certificate Chairman Charge Claim Clause
Client Commission Committee Company Conditions Confirmed Consent Contract Copy Corporation Council Court Credit
Creditor Customer Debit Debtor Declaration Deed Delivery Department Deposit Director Disclosure Dividend Document Duty
Employee Employer Enclosure Entitled Equity Escrow Estate Evidence Exchange Executed Executor Expenses Expiry Facility
Fee Final Finance Folio Form Freight Fund Goods Guarantee Guarantor Headquarters Heirs Hereby Holder Income Indemnity
Instalment Insurance Insured Interest Inventory Invoice Issued Joint Journal Judgement Jurisdiction Landlord Lease
Ledger Legal Lender Letter Liability Licence Limited Loan Manager Mandate Market Maturity Meeting Member Memorandum
Minutes Mortgage Net Notary Note Notice Number Obligation Office Officer Option Order Original Owner Page Paragraph
Party Payable Payee Payment Penalty Pension Period Permit Personal Place Policy Position Power Premises Premium
President Principal Private Profit Project Promissory Property Protocol Province Provision Public Purchase Purpose
Quantity Quotation Rate Receipt Received Record Reference Refund Register Release Remarks Remittance Renewal Rent
Report Request Resident Resolution Revenue Sale Schedule Seal Secretary Section Security Seller Service Settlement
Share Shareholder Shipment Signatory Signature Signed State Statement Stock Subject Supplier Surety Tax Tenant Term
Terms Testament Title Total Transfer Treasurer Trust Trustee Undersigned Union Unit Valid Value Vendor Voucher
Warranty Witness Yield Zone above accordance according affixed agreed amended annual apply assigned attached attorney
authorised before behalf below between binding bound business by cause certify change clear comply consider copies
correct cost current date dated day deemed delivered described due duly each effect either entire equal event every
except exclusive existing extent force foregoing full further general given governed granted have hereof herein hereto
hereunder including initial instead into jointly known late law lawful made mutual named necessary none
notwithstanding obtain other otherwise paid per pledge present prior promptly provided pursuant reasonable regarding
said same set several shall so sole stated subscribed such sum thereof these this through under undertake unless until
upon void waive whereas wherein which whole within without writing written year
"""
TITLES = ("Mr. Mrs. Ms. Dr. Prof. Sir Esq. Jr. Sr. Ph.D. M.D. LL.B. Rev. Hon. Capt. "
          "CPA CEO CFO COO VP Ltd. Inc. GmbH LLC")
MONTHS = "January February March April May June July August September October November December"
FORMS_OF_ADDRESS = "Mr. Mrs. Ms. Dr. Prof. Sir Rev. Hon. Capt."
CURRENCIES = "USD EUR GBP CHF JPY SEK CAD INR $"
PARTS = ("train", "test")


@functools.cache
def words(part: str) -> tuple[str, ...]:
    """Single printed words of one part, in a fixed order; no word is in both, whatever its capitals."""
    everything = (FIRST_NAMES + SURNAMES + BUSINESS + TITLES).split()
    unique = list({word.lower(): word for word in everything}.values())
    return _part_of(unique, part)


@functools.cache
def first_names(part: str) -> tuple[str, ...]:
    """First names of one part."""
    return tuple(name for name in FIRST_NAMES.split() if name in set(words(part)))


@functools.cache
def surnames(part: str) -> tuple[str, ...]:
    """Surnames of one part."""
    return tuple(name for name in SURNAMES.split() if name in set(words(part)))


def _part_of(values, part: str) -> tuple[str, ...]:
    """Every third value is a test word."""
    if part not in PARTS:
        raise ValueError(f"part is {part!r}, allowed are {' and '.join(PARTS)}")
    return tuple(value for index, value in enumerate(values) if (index % 3 == 2) == (part == "test"))


def phrase(random: np.random.Generator, part: str) -> str:
    """One printed piece of a document: a word, some words, a name with title, a date or an amount."""
    kinds = (_word, _some_words, _person, _date, _amount)
    return kinds[random.choice(len(kinds), p=(.35, .25, .15, .13, .12))](random, part)


def _pick(random, values) -> str:
    return values[random.integers(len(values))]


def _word(random, part) -> str:
    word = _pick(random, words(part))
    return (word, word.upper(), word.lower(), word + ":", word + ",")[random.integers(5)]


def _some_words(random, part) -> str:
    return " ".join(_pick(random, words(part)) for _ in range(random.integers(2, 5)))


def _person(random, part) -> str:
    title = _pick(random, [title for title in FORMS_OF_ADDRESS.split() if title in words(part)])
    return f"{title} {_pick(random, first_names(part))} {_pick(random, surnames(part))}"


def _date(random, part) -> str:
    """Years are disjoint as well: 1985 to 2004 in training, 2005 to 2024 in the test part."""
    day, month = int(random.integers(1, 29)), int(random.integers(12))
    year = int(random.integers(1985, 2005)) + 20 * (part == "test")
    name = MONTHS.split()[month]
    return (f"{day} {name} {year}", f"{name} {day}, {year}", f"{day:02d}/{month + 1:02d}/{year}",
            f"{day:02d}.{month + 1:02d}.{year}", f"{year}-{month + 1:02d}-{day:02d}")[random.integers(5)]


def _amount(random, part) -> str:
    value = float(np.round(np.exp(random.uniform(np.log(5), np.log(500_000))), 2))
    currency = _pick(random, CURRENCIES.split())
    return (f"{currency} {value:,.2f}", f"{value:,.2f} {currency}", f"No. {int(value * 100)}",
            f"{int(value):,}.-")[random.integers(4)]
