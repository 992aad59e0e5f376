-- The schema of VelPharma's master data: an example, to be exchanged for your own.
--
-- Run by the image on an empty volume and by this project in every database that it builds.
-- By hand:  psql -v schema=vpv4 -v app_user=velpharma -f 02-create-schema.sql
-- psql variables, each with the environment variable and the default that stand in for it:
--   app_user      VELPHARMA_USER      velpharma
--   schema        VELPHARMA_SCHEMA    vpv4
-- What needs an extension stands in 03-create-extensions.sql.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?app_user}
\else
  \set app_user velpharma
  \getenv app_user VELPHARMA_USER
\endif
\if :{?schema}
\else
  \set schema vpv4
  \getenv schema VELPHARMA_SCHEMA
\endif

BEGIN;
CREATE SCHEMA :"schema" AUTHORIZATION :"app_user";
COMMENT ON SCHEMA :"schema" IS 'Pharmaceutical master data: products, substances, adverse drug reactions';

-- Everything below belongs to the application role and stands in this schema.
SET LOCAL ROLE :"app_user";
SET LOCAL search_path TO :"schema";

-- Ordered from the most to the least frequent, so that ORDER BY and comparisons work.
CREATE TYPE frequency_class AS ENUM
    ('very_common', 'common', 'uncommon', 'rare', 'very_rare', 'not_known');
COMMENT ON TYPE frequency_class IS
    'Share of patients: >= 1/10, >= 1/100, >= 1/1,000, >= 1/10,000, below, not known';

CREATE TYPE seriousness AS ENUM ('non_serious', 'serious', 'life_threatening', 'fatal');

CREATE TYPE marketing_status AS ENUM ('authorised', 'suspended', 'withdrawn');

CREATE FUNCTION set_updated_at() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.updated_at := now();
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION set_updated_at() IS 'Trigger: dates a row when one of its values changes';

CREATE TABLE manufacturers (
    manufacturer_id   integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    manufacturer_code text NOT NULL UNIQUE,
    name              text NOT NULL,
    country_code      text NOT NULL,
    city              text NOT NULL,
    email             text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT manufacturers_name_key UNIQUE (name) DEFERRABLE,
    CONSTRAINT manufacturers_country_code_check CHECK (country_code ~ '^[A-Z]{2}$'),
    CONSTRAINT manufacturers_email_check CHECK (email LIKE '_%@_%')
);
COMMENT ON TABLE manufacturers IS 'Holders of a marketing authorisation';
COMMENT ON COLUMN manufacturers.manufacturer_code IS 'Key towards other systems, e.g. MF-0042';
COMMENT ON COLUMN manufacturers.country_code IS 'ISO 3166-1 alpha-2';
COMMENT ON CONSTRAINT manufacturers_country_code_check ON manufacturers IS
    'a country is written as two capital letters, e.g. DE';
COMMENT ON CONSTRAINT manufacturers_email_check ON manufacturers IS
    'an e-mail address has an @ between two parts';

CREATE TABLE active_substances (
    active_substance_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    inn                 text NOT NULL UNIQUE,
    atc_code            text,
    is_controlled       boolean NOT NULL DEFAULT false,
    description         text,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT active_substances_atc_code_check
        CHECK (atc_code ~ '^[A-Z][0-9]{2}[A-Z]{2}[0-9]{2}$')
);
COMMENT ON TABLE active_substances IS 'Substances by their international non-proprietary name';
COMMENT ON COLUMN active_substances.inn IS 'International non-proprietary name (WHO), lower case';
COMMENT ON COLUMN active_substances.atc_code IS
    'Anatomical Therapeutic Chemical code, fifth level; the main one where there are several';
COMMENT ON CONSTRAINT active_substances_atc_code_check ON active_substances IS
    'an ATC code has seven characters, e.g. N02BE01';

CREATE TABLE products (
    product_id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_number     text NOT NULL UNIQUE,
    name               text NOT NULL,
    manufacturer_id    integer NOT NULL REFERENCES manufacturers,
    dosage_form        text NOT NULL,
    pack_size          integer NOT NULL,
    pack_unit          text NOT NULL,
    price_eur          numeric(10,2),
    unit_price_eur     numeric(12,4) GENERATED ALWAYS AS (round(price_eur / pack_size, 4)) STORED,
    prescription_only  boolean NOT NULL DEFAULT true,
    marketing_status   marketing_status NOT NULL DEFAULT 'authorised',
    authorised_on      date NOT NULL,
    withdrawn_on       date,
    storage_note       text,
    created_at         timestamptz NOT NULL DEFAULT now(),
    updated_at         timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT products_product_number_check CHECK (product_number ~ '^VP-[0-9]{6,}$'),
    CONSTRAINT products_pack_size_check CHECK (pack_size > 0),
    CONSTRAINT products_pack_unit_check CHECK (pack_unit IN ('Stück', 'ml', 'g', 'Dosen')),
    CONSTRAINT products_price_check CHECK (price_eur >= 0),
    CONSTRAINT products_withdrawal_check
        CHECK ((marketing_status = 'withdrawn') = (withdrawn_on IS NOT NULL)),
    CONSTRAINT products_dates_check CHECK (withdrawn_on >= authorised_on)
);
COMMENT ON TABLE products IS 'Finished medicinal products, one row a pack';
COMMENT ON COLUMN products.product_number IS 'Key towards other systems, e.g. VP-100042';
COMMENT ON COLUMN products.unit_price_eur IS 'Price of one unit (pack_unit), computed';
COMMENT ON COLUMN products.storage_note IS 'Free text as printed on the pack, several lines possible';
COMMENT ON CONSTRAINT products_product_number_check ON products IS
    'a product number is VP- and at least six digits, e.g. VP-100042';
COMMENT ON CONSTRAINT products_pack_size_check ON products IS 'a pack holds at least one unit';
COMMENT ON CONSTRAINT products_pack_unit_check ON products IS
    'the unit of a pack is Stück, ml, g or Dosen';
COMMENT ON CONSTRAINT products_price_check ON products IS 'a price is not negative';
COMMENT ON CONSTRAINT products_withdrawal_check ON products IS
    'withdrawn_on is given exactly when the status is withdrawn';
COMMENT ON CONSTRAINT products_dates_check ON products IS
    'a product is not withdrawn before it was authorised';

CREATE INDEX products_manufacturer_id_idx ON products (manufacturer_id);
CREATE INDEX products_name_lower_idx ON products (lower(name));
CREATE INDEX products_not_marketed_idx ON products (marketing_status, withdrawn_on)
    WHERE marketing_status <> 'authorised';
COMMENT ON INDEX products_not_marketed_idx IS 'The few suspended and withdrawn products, by date';

CREATE TABLE product_active_substances (
    product_id          integer NOT NULL
        REFERENCES products ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    active_substance_id integer NOT NULL
        REFERENCES active_substances DEFERRABLE INITIALLY DEFERRED,
    position            smallint NOT NULL DEFAULT 1,
    strength            numeric(12,4) NOT NULL,
    strength_unit       text NOT NULL,
    PRIMARY KEY (product_id, active_substance_id),
    CONSTRAINT product_active_substances_position_key
        UNIQUE (product_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT product_active_substances_position_check CHECK (position >= 1),
    CONSTRAINT product_active_substances_strength_check CHECK (strength > 0),
    CONSTRAINT product_active_substances_strength_unit_check
        CHECK (strength_unit IN ('mg', 'µg', 'g', 'mg/ml', 'IU', '%'))
);
COMMENT ON TABLE product_active_substances IS 'What is in a product, and how much of it';
COMMENT ON COLUMN product_active_substances.position IS 'Order on the label, the first one leads';
COMMENT ON CONSTRAINT product_active_substances_position_check ON product_active_substances IS
    'positions count from 1';
COMMENT ON CONSTRAINT product_active_substances_strength_check ON product_active_substances IS
    'a strength is above zero';
COMMENT ON CONSTRAINT product_active_substances_strength_unit_check
    ON product_active_substances IS 'the unit of a strength is mg, µg, g, mg/ml, IU or %';

CREATE INDEX product_active_substances_substance_idx
    ON product_active_substances (active_substance_id);

CREATE TABLE system_organ_classes (
    system_organ_class_id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    soc_code              text NOT NULL UNIQUE,
    name                  text NOT NULL,
    display_order         smallint NOT NULL,
    CONSTRAINT system_organ_classes_name_key UNIQUE (name) DEFERRABLE,
    CONSTRAINT system_organ_classes_display_order_key UNIQUE (display_order) DEFERRABLE
);
COMMENT ON TABLE system_organ_classes IS 'Organ classes, the upper level of reaction terms';
COMMENT ON COLUMN system_organ_classes.soc_code IS 'Key towards other systems, e.g. SOC-07';
COMMENT ON COLUMN system_organ_classes.display_order IS 'Order used in product information';

CREATE TABLE reaction_terms (
    reaction_term_id      integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    term_code             text NOT NULL UNIQUE,
    name                  text NOT NULL,
    german_name           text,
    system_organ_class_id integer NOT NULL REFERENCES system_organ_classes,
    parent_term_id        integer,
    is_current            boolean NOT NULL DEFAULT true,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT reaction_terms_name_key UNIQUE (name) DEFERRABLE,
    CONSTRAINT reaction_terms_parent_term_id_fkey FOREIGN KEY (parent_term_id)
        REFERENCES reaction_terms DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT reaction_terms_parent_check CHECK (parent_term_id <> reaction_term_id)
);
COMMENT ON TABLE reaction_terms IS 'Terms for adverse reactions below their organ class';
COMMENT ON COLUMN reaction_terms.term_code IS 'Key towards other systems, e.g. RT-00117';
COMMENT ON COLUMN reaction_terms.german_name IS 'The word a patient would use';
COMMENT ON COLUMN reaction_terms.parent_term_id IS 'A wider term of the same organ class, if any';
COMMENT ON CONSTRAINT reaction_terms_parent_check ON reaction_terms IS
    'a term is not its own parent';

CREATE INDEX reaction_terms_system_organ_class_id_idx ON reaction_terms (system_organ_class_id);
CREATE INDEX reaction_terms_parent_term_id_idx ON reaction_terms (parent_term_id)
    WHERE parent_term_id IS NOT NULL;

CREATE TABLE adverse_drug_reactions (
    adverse_drug_reaction_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    product_id        integer NOT NULL REFERENCES products ON DELETE CASCADE,
    reaction_term_id  integer NOT NULL REFERENCES reaction_terms,
    source            text NOT NULL,
    frequency         frequency_class NOT NULL DEFAULT 'not_known',
    seriousness       seriousness NOT NULL DEFAULT 'non_serious',
    report_count      integer NOT NULL DEFAULT 0,
    first_reported_on date NOT NULL,
    last_reviewed_on  date,
    description       text,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT adverse_drug_reactions_key UNIQUE (product_id, reaction_term_id, source),
    CONSTRAINT adverse_drug_reactions_source_check
        CHECK (source IN ('label', 'clinical_trial', 'spontaneous', 'literature', 'authority')),
    CONSTRAINT adverse_drug_reactions_report_count_check CHECK (report_count >= 0),
    CONSTRAINT adverse_drug_reactions_dates_check CHECK (last_reviewed_on >= first_reported_on)
);
COMMENT ON TABLE adverse_drug_reactions IS
    'That a product can cause a reaction, once for every kind of source';
COMMENT ON COLUMN adverse_drug_reactions.report_count IS 'Cases known from this source';
COMMENT ON COLUMN adverse_drug_reactions.description IS
    'Free text: quotations, line breaks and tabs as they were reported';
COMMENT ON CONSTRAINT adverse_drug_reactions_source_check ON adverse_drug_reactions IS
    'a source is label, clinical_trial, spontaneous, literature or authority';
COMMENT ON CONSTRAINT adverse_drug_reactions_report_count_check ON adverse_drug_reactions IS
    'a number of reports is not negative';
COMMENT ON CONSTRAINT adverse_drug_reactions_dates_check ON adverse_drug_reactions IS
    'a reaction is not reviewed before it was first reported';

CREATE INDEX adverse_drug_reactions_reaction_term_id_idx
    ON adverse_drug_reactions (reaction_term_id, frequency);
CREATE INDEX adverse_drug_reactions_severe_idx
    ON adverse_drug_reactions (product_id, first_reported_on DESC)
    WHERE seriousness >= 'life_threatening';
COMMENT ON INDEX adverse_drug_reactions_severe_idx IS
    'Latest life-threatening and fatal reactions of a product';

-- Few products own most of the reactions: a finer histogram, and frequency goes with seriousness.
ALTER TABLE adverse_drug_reactions ALTER COLUMN product_id SET STATISTICS 300;
CREATE STATISTICS adverse_drug_reactions_frequency_stats (dependencies)
    ON frequency, seriousness FROM adverse_drug_reactions;

CREATE TABLE data_imports (
    data_import_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_name      text NOT NULL,
    file_sha256    text NOT NULL,
    table_name     text NOT NULL,
    inserted_rows  bigint NOT NULL,
    updated_rows   bigint NOT NULL,
    rejected_rows  bigint NOT NULL,
    imported_by    text NOT NULL DEFAULT current_user,
    imported_at    timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT data_imports_file_sha256_check CHECK (file_sha256 ~ '^[0-9a-f]{64}$'),
    CONSTRAINT data_imports_rows_check
        CHECK (inserted_rows >= 0 AND updated_rows >= 0 AND rejected_rows >= 0)
);
COMMENT ON TABLE data_imports IS 'Which file changed the data, and when';

CREATE TRIGGER set_updated_at BEFORE UPDATE ON manufacturers
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON active_substances
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at();
-- Column by column: NEW.* would include the generated one, which is not computed yet.
CREATE TRIGGER set_updated_at BEFORE UPDATE ON products
    FOR EACH ROW WHEN (
        (OLD.product_number, OLD.name, OLD.manufacturer_id, OLD.dosage_form, OLD.pack_size,
         OLD.pack_unit, OLD.price_eur, OLD.prescription_only, OLD.marketing_status,
         OLD.authorised_on, OLD.withdrawn_on, OLD.storage_note)
        IS DISTINCT FROM
        (NEW.product_number, NEW.name, NEW.manufacturer_id, NEW.dosage_form, NEW.pack_size,
         NEW.pack_unit, NEW.price_eur, NEW.prescription_only, NEW.marketing_status,
         NEW.authorised_on, NEW.withdrawn_on, NEW.storage_note)
    ) EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON reaction_terms
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at();
CREATE TRIGGER set_updated_at BEFORE UPDATE ON adverse_drug_reactions
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated_at();

CREATE VIEW product_reactions AS
SELECT p.product_number,
       p.name            AS product,
       m.name            AS manufacturer,
       s.name            AS organ_class,
       t.name            AS reaction,
       r.frequency,
       r.seriousness,
       r.source,
       r.report_count,
       r.first_reported_on
  FROM adverse_drug_reactions r
  JOIN products p USING (product_id)
  JOIN manufacturers m USING (manufacturer_id)
  JOIN reaction_terms t USING (reaction_term_id)
  JOIN system_organ_classes s USING (system_organ_class_id);
COMMENT ON VIEW product_reactions IS 'Adverse drug reactions in words, for reading and for reports';

COMMIT;
